using System.Text;
using Gateway.Protocol.Http2;

namespace Gateway.Load.Carriers.Http2;

/// <summary>The headers of calls that are all alike: written out on a connection's first call, and as numbers on those that follow.</summary>
/// <remarks>
/// As clients of gRPC do, for what it costs the server depends on it. What differs from call to call, the time that is left, comes at the end, where it is written over.
/// </remarks>
internal sealed class HeaderBlock
{
    private const int Keep = 0x40;
    private const int Indexed = 0x80;

    private HeaderBlock(byte[] first, byte[] again, byte[] plain, int tableBytes, int tailBytes)
    {
        First = first;
        Again = again;
        Plain = plain;
        TableBytes = tableBytes;
        TailBytes = tailBytes;
    }

    /// <summary>Has the server remember them; only where it remembers nothing yet.</summary>
    public byte[] First { get; }

    /// <summary>Once it does.</summary>
    public byte[] Again { get; }

    /// <summary>Where it cannot.</summary>
    public byte[] Plain { get; }

    /// <summary>What they take of the server's table.</summary>
    public int TableBytes { get; }

    /// <summary>Bytes at the end of each that are the value which differs; 0 for none.</summary>
    public int TailBytes { get; }

    /// <param name="fixedFields">Numbers of the static table.</param>
    /// <param name="fields">Names in lower case.</param>
    /// <param name="tail">Name of the field whose value differs, and how long that is; null for none.</param>
    public static HeaderBlock Create(ReadOnlySpan<int> fixedFields, IReadOnlyList<(string Name, string Value)> fields, (string Name, int Bytes)? tail)
    {
        List<byte> first = [];
        List<byte> again = [];
        List<byte> plain = [];
        foreach (int each in fixedFields)
        {
            foreach (List<byte> form in (List<byte>[])[first, again, plain]) Integer(form, Indexed, 7, each);
        }

        int tableBytes = 0;
        for (int i = 0; i < fields.Count; i++)
        {
            byte[] name = Encoding.UTF8.GetBytes(fields[i].Name);
            byte[] value = Encoding.UTF8.GetBytes(fields[i].Value);
            tableBytes += name.Length + value.Length + HpackTable.EntryOverhead;
            Literal(first, Keep, name, value);
            Literal(plain, 0, name, value);

            // The last one is the newest, which has the lowest number.
            Integer(again, Indexed, 7, HpackTable.FirstDynamic + fields.Count - 1 - i);
        }

        foreach (List<byte> form in (List<byte>[])[first, again, plain])
        {
            if (tail is { } each) Literal(form, 0, Encoding.UTF8.GetBytes(each.Name), new byte[each.Bytes]);
        }

        return new HeaderBlock([.. first], [.. again], [.. plain], tableBytes, tail?.Bytes ?? 0);
    }

    /// <summary>Writes a number as HPACK has it.</summary>
    public static void Integer(List<byte> to, int flags, int prefixBits, int value)
    {
        int most = (1 << prefixBits) - 1;
        if (value < most)
        {
            to.Add((byte)(flags | value));
            return;
        }

        to.Add((byte)(flags | most));
        for (value -= most; value >= 0x80; value >>= 7) to.Add((byte)(value | 0x80));
        to.Add((byte)value);
    }

    private static void Literal(List<byte> to, int flags, byte[] name, byte[] value)
    {
        to.Add((byte)flags);
        Integer(to, 0, 7, name.Length);
        to.AddRange(name);
        Integer(to, 0, 7, value.Length);
        to.AddRange(value);
    }
}
