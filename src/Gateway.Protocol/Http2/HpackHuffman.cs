namespace Gateway.Protocol.Http2;

/// <summary>HPACK's Huffman code (RFC 7541, appendix B). It is canonical: of each length the codes follow each other, in the order of their symbols, so lengths are all that has to be known.</summary>
internal static class HpackHuffman
{
    private const int Symbols = 257;
    private const int Shortest = 5;
    private const int Longest = 30;
    private const int EndOfString = 256;

    // By length: the first code, how many there are, and where their symbols begin.
    private static readonly uint[] FirstCode = new uint[Longest + 1];
    private static readonly uint[] Count = new uint[Longest + 1];
    private static readonly int[] FirstSymbol = new int[Longest + 1];
    private static readonly short[] SymbolsByCode = new short[Symbols];

    static HpackHuffman()
    {
        uint code = 0;
        int at = 0;
        for (int length = Shortest; length <= Longest; length++)
        {
            FirstCode[length] = code;
            FirstSymbol[length] = at;
            for (int symbol = 0; symbol < Symbols; symbol++)
            {
                if (Lengths[symbol] != length) continue;
                SymbolsByCode[at++] = (short)symbol;
                code++;
            }

            Count[length] = code - FirstCode[length];
            code <<= 1;
        }
    }

    private static ReadOnlySpan<byte> Lengths =>
    [
        13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
        6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
        13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
        15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
        20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
        22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
        26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
        20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
        30,
    ];

    /// <summary>Most bytes that so many encoded ones stand for.</summary>
    public static int MostBytes(int encoded) => (encoded * 8 / Shortest) + 1;

    /// <returns>Bytes written.</returns>
    /// <exception cref="InvalidDataException">It is no such code.</exception>
    public static int Decode(ReadOnlySpan<byte> encoded, Span<byte> to)
    {
        ulong bits = 0;
        int available = 0;
        int at = 0;
        int written = 0;
        while (true)
        {
            while (available <= 56 && at < encoded.Length)
            {
                bits = (bits << 8) | encoded[at++];
                available += 8;
            }

            int length = Shortest;
            uint place = 0;
            for (; length <= Longest && length <= available; length++)
            {
                place = (uint)((bits >> (available - length)) & ((1UL << length) - 1)) - FirstCode[length];
                if (place < Count[length]) break;
            }

            if (length > Longest || length > available)
            {
                // What is left is padding: fewer than eight bits, all of them ones.
                ulong ones = (1UL << available) - 1;
                return available < 8 && (bits & ones) == ones ? written : throw Malformed();
            }

            int symbol = SymbolsByCode[FirstSymbol[length] + (int)place];
            if (symbol == EndOfString) throw Malformed();
            to[written++] = (byte)symbol;
            available -= length;
        }
    }

    private static InvalidDataException Malformed() => new("a header is not Huffman-coded as it says");
}
