namespace Gateway.Protocol.Http2;

/// <summary>Header fields that are sent as numbers: those that everybody knows, and those that the peer has sent before (RFC 7541).</summary>
/// <remarks><b>Threading</b>: one thread. <b>Cost</b>: all memory is taken at the start.</remarks>
internal sealed class HpackTable
{
    /// <summary>Size of the table of what was sent before, unless agreed otherwise, which is not done here.</summary>
    public const int DefaultBytes = 4096;

    /// <summary>What an entry counts beyond its name and value.</summary>
    public const int EntryOverhead = 32;

    private const int MostEntries = DefaultBytes / EntryOverhead;

    private static readonly (byte[] Name, byte[] Value)[] Static =
    [
        Field(":authority"), Field(":method", "GET"), Field(":method", "POST"), Field(":path", "/"), Field(":path", "/index.html"), Field(":scheme", "http"), Field(":scheme", "https"),
        Field(":status", "200"), Field(":status", "204"), Field(":status", "206"), Field(":status", "304"), Field(":status", "400"), Field(":status", "404"), Field(":status", "500"),
        Field("accept-charset"), Field("accept-encoding", "gzip, deflate"), Field("accept-language"), Field("accept-ranges"), Field("accept"), Field("access-control-allow-origin"),
        Field("age"), Field("allow"), Field("authorization"), Field("cache-control"), Field("content-disposition"), Field("content-encoding"), Field("content-language"),
        Field("content-length"), Field("content-location"), Field("content-range"), Field("content-type"), Field("cookie"), Field("date"), Field("etag"), Field("expect"), Field("expires"),
        Field("from"), Field("host"), Field("if-match"), Field("if-modified-since"), Field("if-none-match"), Field("if-range"), Field("if-unmodified-since"), Field("last-modified"),
        Field("link"), Field("location"), Field("max-forwards"), Field("proxy-authenticate"), Field("proxy-authorization"), Field("range"), Field("referer"), Field("refresh"),
        Field("retry-after"), Field("server"), Field("set-cookie"), Field("strict-transport-security"), Field("transfer-encoding"), Field("user-agent"), Field("vary"), Field("via"),
        Field("www-authenticate"),
    ];

    // Twice what entries can take: they are moved to the start once in a while, not each time.
    private readonly byte[] _bytes = new byte[2 * DefaultBytes];
    private readonly Entry[] _entries = new Entry[MostEntries];
    private int _newest;
    private int _count;
    private int _size;
    private int _end;
    private int _most = DefaultBytes;

    /// <summary>Number of the newest entry of the table of what was sent before.</summary>
    public static int FirstDynamic => Static.Length + 1;

    /// <summary>Changes with each entry that comes or goes.</summary>
    public long State { get; private set; }

    /// <summary>How much the table may hold, as the peer has it: no more than was agreed.</summary>
    /// <exception cref="InvalidDataException">It is more.</exception>
    public void Resize(int bytes)
    {
        if (bytes > DefaultBytes) throw new InvalidDataException($"a header table of {bytes} bytes is larger than was agreed");
        _most = bytes;
        State++;
        Evict(0);
    }

    public void Clear()
    {
        _count = _size = _end = 0;
        State++;
        _most = DefaultBytes;
    }

    /// <exception cref="InvalidDataException">There is none of that number.</exception>
    public void Get(int number, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        if (number >= 1 && number <= Static.Length)
        {
            name = Static[number - 1].Name;
            value = Static[number - 1].Value;
            return;
        }

        int back = number - FirstDynamic;
        if (back < 0 || back >= _count) throw new InvalidDataException($"header {number}, which there is not");
        Entry entry = _entries[(_newest - back + MostEntries) % MostEntries];
        name = _bytes.AsSpan(entry.At, entry.NameBytes);
        value = _bytes.AsSpan(entry.At + entry.NameBytes, entry.ValueBytes);
    }

    /// <summary>Adds one; what has no room leaves an empty table.</summary>
    /// <param name="name">Not of this table: it may move.</param>
    public void Add(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        int size = name.Length + value.Length + EntryOverhead;
        State++;
        Evict(size);
        if (size > _most) return;
        if (_end + name.Length + value.Length > _bytes.Length) Compact();
        name.CopyTo(_bytes.AsSpan(_end));
        value.CopyTo(_bytes.AsSpan(_end + name.Length));
        _newest = (_newest + 1) % MostEntries;
        _entries[_newest] = new Entry(_end, name.Length, value.Length);
        _end += name.Length + value.Length;
        _count++;
        _size += size;
    }

    private void Evict(int wanted)
    {
        while (_count > 0 && _size + wanted > _most)
        {
            Entry oldest = _entries[(_newest - _count + 1 + MostEntries) % MostEntries];
            _size -= oldest.NameBytes + oldest.ValueBytes + EntryOverhead;
            _count--;
        }
    }

    private void Compact()
    {
        // Entries lie in the order of their age.
        int to = 0;
        for (int back = _count - 1; back >= 0; back--)
        {
            ref Entry entry = ref _entries[(_newest - back + MostEntries) % MostEntries];
            int bytes = entry.NameBytes + entry.ValueBytes;
            _bytes.AsSpan(entry.At, bytes).CopyTo(_bytes.AsSpan(to));
            entry = entry with { At = to };
            to += bytes;
        }

        _end = to;
    }

    private static (byte[] Name, byte[] Value) Field(string name, string value = "") => (System.Text.Encoding.ASCII.GetBytes(name), System.Text.Encoding.ASCII.GetBytes(value));

    private readonly record struct Entry(int At, int NameBytes, int ValueBytes);
}
