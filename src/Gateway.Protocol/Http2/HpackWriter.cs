namespace Gateway.Protocol.Http2;

/// <summary>Writes header fields that the peer is not to remember (RFC 7541).</summary>
internal static class HpackWriter
{
    // Five bytes hold any number.
    private const int MostIntegerBytes = 5;

    /// <summary>The most bytes that a field takes.</summary>
    public static int MostBytes(int name, int value) => 1 + (2 * MostIntegerBytes) + name + value;

    /// <summary>Writes a field with a name and a value in Latin-1; letters of the name become small, and what no field may hold spaces.</summary>
    /// <returns>Bytes written.</returns>
    public static int Write(Span<byte> to, ReadOnlySpan<char> name, ReadOnlySpan<char> value)
    {
        to[0] = 0;
        int at = 1;
        at += WriteInteger(to[at..], 7, 0, name.Length);
        foreach (char each in name) to[at++] = (byte)char.ToLowerInvariant(each);
        at += WriteInteger(to[at..], 7, 0, value.Length);
        foreach (char each in value) to[at++] = each is < ' ' and not '\t' ? (byte)' ' : each <= byte.MaxValue ? (byte)each : (byte)'?';
        return at;
    }

    /// <returns>Bytes written.</returns>
    public static int WriteInteger(Span<byte> to, int prefixBits, byte flags, int value)
    {
        int most = (1 << prefixBits) - 1;
        if (value < most)
        {
            to[0] = (byte)(flags | value);
            return 1;
        }

        to[0] = (byte)(flags | most);
        int at = 1;
        for (value -= most; value >= 0x80; value >>= 7) to[at++] = (byte)(value | 0x80);
        to[at++] = (byte)value;
        return at;
    }
}
