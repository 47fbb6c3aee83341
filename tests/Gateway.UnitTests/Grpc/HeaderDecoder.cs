using System.Text;

namespace Gateway.UnitTests.Grpc;

/// <summary>Reads the headers that Kestrel sends: HPACK (RFC 7541) without Huffman's code, which it does not write. Headers of the static table are told by their numbers.</summary>
internal sealed class HeaderDecoder
{
    private const int StaticEntries = 61;

    // The newest first.
    private readonly List<(string Name, string Value)> _table = [];

    public List<(string Name, string Value)> Read(ReadOnlySpan<byte> block)
    {
        List<(string, string)> headers = [];
        while (!block.IsEmpty)
        {
            byte first = block[0];
            if ((first & 0x80) != 0)
            {
                headers.Add(Entry(Number(ref block, 7)));
            }
            else if ((first & 0xE0) == 0x20)
            {
                if (Number(ref block, 5) == 0) _table.Clear();
            }
            else
            {
                bool isKept = (first & 0x40) != 0;
                int index = Number(ref block, isKept ? 6 : 4);
                (string Name, string Value) header = (index > 0 ? Entry(index).Name : Text(ref block), "");
                header.Value = Text(ref block);
                if (isKept) _table.Insert(0, header);
                headers.Add(header);
            }
        }

        return headers;
    }

    private (string Name, string Value) Entry(int index) => index > StaticEntries ? _table[index - StaticEntries - 1] : ($"{index}", "");

    private static int Number(ref ReadOnlySpan<byte> block, int bits)
    {
        int most = (1 << bits) - 1;
        int number = block[0] & most;
        block = block[1..];
        if (number < most) return number;
        for (int shift = 0; ; shift += 7)
        {
            byte next = block[0];
            block = block[1..];
            number += (next & 0x7F) << shift;
            if (next < 0x80) return number;
        }
    }

    private static string Text(ref ReadOnlySpan<byte> block)
    {
        Assert.True((block[0] & 0x80) == 0, "the text is in Huffman's code");
        int length = Number(ref block, 7);
        string text = Encoding.Latin1.GetString(block[..length]);
        block = block[length..];
        return text;
    }
}
