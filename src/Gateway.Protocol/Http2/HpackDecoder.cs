namespace Gateway.Protocol.Http2;

/// <summary>Reads header blocks, field by field (RFC 7541).</summary>
/// <remarks><b>Behaviour</b>: every block of a connection must be read to its end, in order, for blocks refer to those before. <b>Cost</b>: no allocation once its scratch memory has grown.</remarks>
internal sealed class HpackDecoder
{
    // A block's own bound is below.
    private const int MostInteger = 1 << 20;

    // To the smallest that the table was meanwhile, and to what it is (RFC 7541, 4.2).
    private const int MostResizes = 2;

    private readonly HpackTable _table = new();
    private byte[] _name = new byte[256];
    private byte[] _value = new byte[1024];

    /// <summary>Changes whenever what numbers stand for may be something else.</summary>
    public long TableState => _table.State;

    /// <summary>Forgets what was sent on another connection.</summary>
    public void Clear() => _table.Clear();

    /// <summary>Reads the next field.</summary>
    /// <param name="at">Where in the block; moved on.</param>
    /// <param name="name">Good until the next call, as is <paramref name="value"/>.</param>
    /// <returns>False at the end of the block.</returns>
    /// <exception cref="InvalidDataException">It is malformed.</exception>
    public bool TryRead(ReadOnlySpan<byte> block, ref int at, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        bool isFirst = at == 0;
        int resizes = 0;
        while (at < block.Length)
        {
            byte first = block[at];
            if (first >= 0x80)
            {
                _table.Get(Integer(block, ref at, 7), out name, out value);
                return true;
            }

            if (first is >= 0x20 and < 0x40)
            {
                if (!isFirst || ++resizes > MostResizes) throw Malformed();
                _table.Resize(Integer(block, ref at, 5));
                continue;
            }

            bool isKept = first >= 0x40;
            int number = Integer(block, ref at, isKept ? 6 : 4);
            if (number == 0)
            {
                name = Text(block, ref at, ref _name);
            }
            else
            {
                _table.Get(number, out name, out _);

                // An entry that is added may push out the one that its name comes from.
                if (isKept)
                {
                    if (name.Length > _name.Length) _name = new byte[name.Length];
                    name.CopyTo(_name);
                    name = _name.AsSpan(0, name.Length);
                }
            }

            value = Text(block, ref at, ref _value);
            if (isKept) _table.Add(name, value);
            return true;
        }

        name = value = default;
        return false;
    }

    private static int Integer(ReadOnlySpan<byte> block, ref int at, int prefixBits)
    {
        int most = (1 << prefixBits) - 1;
        int value = Next(block, ref at) & most;
        if (value < most) return value;
        for (int shift = 0; shift <= 21; shift += 7)
        {
            byte next = Next(block, ref at);
            value += (next & 0x7F) << shift;
            if (next < 0x80) return value <= MostInteger ? value : throw Malformed();
        }

        throw Malformed();
    }

    private static ReadOnlySpan<byte> Text(ReadOnlySpan<byte> block, ref int at, ref byte[] scratch)
    {
        bool isHuffman = at < block.Length && block[at] >= 0x80;
        int length = Integer(block, ref at, 7);
        if (length > block.Length - at) throw Malformed();
        ReadOnlySpan<byte> text = block.Slice(at, length);
        at += length;
        if (!isHuffman) return text;
        if (scratch.Length < HpackHuffman.MostBytes(length)) scratch = new byte[HpackHuffman.MostBytes(length)];
        return scratch.AsSpan(0, HpackHuffman.Decode(text, scratch));
    }

    private static byte Next(ReadOnlySpan<byte> block, ref int at) => at < block.Length ? block[at++] : throw Malformed();

    private static InvalidDataException Malformed() => new("a header block is malformed");
}
