using System.Buffers;
using System.Text;

namespace Gateway.Server.OpenInference;

/// <summary>Writes JSON strings.</summary>
internal static class JsonText
{
    private static readonly SearchValues<byte> Escaped =
        SearchValues.Create([.. Enumerable.Range(0, 0x20).Select(control => (byte)control), (byte)'"', (byte)'\\']);

    /// <summary>Writes text between quotes.</summary>
    public static void WriteString(TextBuffer text, string value)
    {
        // Names and ids are short; a longer one is worth an array.
        const int MostOnStack = 512;
        int most = Encoding.UTF8.GetMaxByteCount(value.Length);
        Span<byte> utf8 = most <= MostOnStack ? stackalloc byte[MostOnStack] : new byte[most];
        WriteString(text, utf8[..Encoding.UTF8.GetBytes(value, utf8)]);
    }

    /// <summary>Writes UTF-8 between quotes; the caller has checked that it is.</summary>
    public static void WriteString(TextBuffer text, ReadOnlySpan<byte> utf8)
    {
        text.Write((byte)'"');
        while (true)
        {
            int plain = utf8.IndexOfAny(Escaped);
            if (plain < 0) break;
            text.Write(utf8[..plain]);
            WriteEscape(text, utf8[plain]);
            utf8 = utf8[(plain + 1)..];
        }

        text.Write(utf8);
        text.Write((byte)'"');
    }

    private static void WriteEscape(TextBuffer text, byte value)
    {
        text.Write((byte)'\\');
        switch (value)
        {
            case (byte)'"' or (byte)'\\': text.Write(value); break;
            case (byte)'\n': text.Write((byte)'n'); break;
            case (byte)'\r': text.Write((byte)'r'); break;
            case (byte)'\t': text.Write((byte)'t'); break;
            default:
                text.Write("u00"u8);
                text.Write((byte)('0' + (value >> 4)));
                text.Write((byte)"0123456789abcdef"[value & 15]);
                break;
        }
    }

}
