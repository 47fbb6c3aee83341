using System.Buffers;
using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Gateway.Protocol.Http2;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Gateway.Server.Grpc.Http2;

/// <summary>The header fields of a request, as the bytes that came; values become strings when they are asked for.</summary>
/// <remarks>
/// <b>Threading</b>: filled by one thread, then read by any. <b>Cost</b>: what is asked for and not there costs a comparison of lengths a field; what is there a string, once.
/// </remarks>
internal sealed class RequestFields : IHeaderDictionary
{
    /// <summary>Most bytes of all names and values, each field with 32 more; Kestrel's default.</summary>
    public const int MostListBytes = 32 * 1024;

    private static readonly SearchValues<byte> NameBytes = SearchValues.Create("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"u8);
    private static readonly SearchValues<byte> NotInValues = SearchValues.Create("\0\r\n"u8);

    private byte[] _bytes = new byte[512];
    private Field[] _fields = new Field[16];
    private int _end;
    private int _count;
    private int _listBytes;
    private Field _method;
    private Field _path;
    private bool _hasScheme;
    private bool _hasAuthority;

    /// <summary>Why no request can be made of it; null when one can.</summary>
    public string? Problem { get; private set; }

    /// <summary>Whether there is more than may be.</summary>
    public bool IsTooLarge => _listBytes > MostListBytes;

    /// <summary>Bytes that the body is said to have; -1 where nothing is said.</summary>
    public long BodyBytes { get; private set; }

    /// <summary>What has been found out about calls with these headers; null before the first.</summary>
    public AcceptedHead? Accepted { get; set; }

    public bool IsPost => _method.Value(_bytes).SequenceEqual("POST"u8);

    public ReadOnlySpan<byte> Utf8Path => _path.Value(_bytes);

    public string Path => _path.Text(_bytes);

    public ICollection<string> Keys => [.. this.Select(each => each.Key)];

    public ICollection<StringValues> Values => [.. this.Select(each => each.Value)];

    public int Count
    {
        get
        {
            int count = 0;
            for (int i = 0; i < _count; i++) count += HasBefore(i, NameOf(i)) ? 0 : 1;
            return count;
        }
    }

    public bool IsReadOnly => true;

    public long? ContentLength
    {
        get => BodyBytes < 0 ? null : BodyBytes;
        set => throw ReadOnly();
    }

    public StringValues this[string key]
    {
        get => TryGetValue(key, out StringValues values) ? values : StringValues.Empty;
        set => throw ReadOnly();
    }

    StringValues IDictionary<string, StringValues>.this[string key]
    {
        get => TryGetValue(key, out StringValues values) ? values : throw new KeyNotFoundException();
        set => throw ReadOnly();
    }

    /// <summary>Forgets all fields.</summary>
    public void Begin()
    {
        _end = _count = _listBytes = 0;
        _method = _path = default;
        _hasScheme = _hasAuthority = false;
        Problem = null;
        BodyBytes = -1;
        Accepted = null;
    }

    /// <summary>Adds a field that has come.</summary>
    public void Take(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        _listBytes += name.Length + value.Length + HpackTable.EntryOverhead;
        if (IsTooLarge || Problem is not null) return;
        if (value.ContainsAny(NotInValues)) Problem = "a field's value holds what no value may";
        else if (name.Length > 0 && name[0] == (byte)':') TakePseudo(name, value);
        else TakeField(name, value);
    }

    /// <summary>All have come.</summary>
    public void End()
    {
        if (Problem is null && !IsTooLarge && (!_method.IsThere || !_path.IsThere || !_hasScheme)) Problem = "the request has no method, path or scheme";
    }

    /// <summary>The value of a field that there is once; empty where there is none.</summary>
    /// <param name="name">In lower case.</param>
    public ReadOnlySpan<byte> Find(ReadOnlySpan<byte> name)
    {
        foreach (ref readonly Field field in _fields.AsSpan(0, _count))
        {
            if (field.Name(_bytes).SequenceEqual(name)) return field.Value(_bytes);
        }

        return default;
    }

    public bool TryGetValue(string key, [MaybeNullWhen(false)] out StringValues value)
    {
        value = default;
        bool isThere = false;
        foreach (ref Field field in _fields.AsSpan(0, _count))
        {
            if (!field.Is(key, _bytes)) continue;
            value = isThere ? StringValues.Concat(value, field.Text(_bytes)) : field.Text(_bytes);
            isThere = true;
        }

        return isThere;
    }

    public bool ContainsKey(string key)
    {
        foreach (ref readonly Field field in _fields.AsSpan(0, _count))
        {
            if (field.Is(key, _bytes)) return true;
        }

        return false;
    }

    public IEnumerator<KeyValuePair<string, StringValues>> GetEnumerator()
    {
        for (int i = 0; i < _count; i++)
        {
            string name = NameOf(i);
            if (!HasBefore(i, name)) yield return new KeyValuePair<string, StringValues>(name, this[name]);
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public bool Contains(KeyValuePair<string, StringValues> item) => TryGetValue(item.Key, out StringValues values) && values == item.Value;

    public void CopyTo(KeyValuePair<string, StringValues>[] array, int arrayIndex)
    {
        foreach (KeyValuePair<string, StringValues> each in this) array[arrayIndex++] = each;
    }

    public void Add(string key, StringValues value) => throw ReadOnly();

    public void Add(KeyValuePair<string, StringValues> item) => throw ReadOnly();

    public bool Remove(string key) => throw ReadOnly();

    public bool Remove(KeyValuePair<string, StringValues> item) => throw ReadOnly();

    public void Clear() => throw ReadOnly();

    private void TakePseudo(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (_count > 0)
        {
            Problem = "a pseudo-header comes after the headers";
            return;
        }

        if (name.SequenceEqual(":path"u8) && !_path.IsThere && value.Length > 0 && value[0] == (byte)'/') _path = Keep(name, value);
        else if (name.SequenceEqual(":method"u8) && !_method.IsThere && value.Length > 0) _method = Keep(name, value);
        else if (name.SequenceEqual(":scheme"u8) && !_hasScheme) _hasScheme = true;
        else if (name.SequenceEqual(":authority"u8) && !_hasAuthority) _hasAuthority = true;
        else Problem = "a pseudo-header is not known, or malformed, or there twice";
    }

    private void TakeField(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (name.IsEmpty || name.ContainsAnyExcept(NameBytes)) Problem = "a header's name is malformed";
        else if (IsOfConnection(name, value)) Problem = "a header is of the connection";
        else if (name.SequenceEqual("content-length"u8)) TakeLength(value);
        if (Problem is not null) return;
        if (_count == _fields.Length) Array.Resize(ref _fields, 2 * _count);
        _fields[_count++] = Keep(name, value);
    }

    private void TakeLength(ReadOnlySpan<byte> value)
    {
        if (BodyBytes >= 0 || value.IsEmpty || value.ContainsAnyExceptInRange((byte)'0', (byte)'9') || !long.TryParse(value, out long bytes)) Problem = "the content-length is malformed";
        else BodyBytes = bytes;
    }

    private static bool IsOfConnection(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value) => name.Length switch
    {
        2 => name.SequenceEqual("te"u8) && !value.SequenceEqual("trailers"u8),
        7 => name.SequenceEqual("upgrade"u8),
        10 => name.SequenceEqual("connection"u8) || name.SequenceEqual("keep-alive"u8),
        16 => name.SequenceEqual("proxy-connection"u8),
        17 => name.SequenceEqual("transfer-encoding"u8),
        _ => false,
    };

    private Field Keep(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        int needed = _end + name.Length + value.Length;
        if (needed > _bytes.Length) Array.Resize(ref _bytes, Math.Max(2 * _bytes.Length, needed));
        name.CopyTo(_bytes.AsSpan(_end));
        value.CopyTo(_bytes.AsSpan(_end + name.Length));
        Field field = new(_end, name.Length, value.Length);
        _end = needed;
        return field;
    }

    private string NameOf(int index) => Encoding.ASCII.GetString(_fields[index].Name(_bytes));

    private bool HasBefore(int index, string name)
    {
        for (int i = 0; i < index; i++)
        {
            if (_fields[i].Is(name, _bytes)) return true;
        }

        return false;
    }

    private static NotSupportedException ReadOnly() => new("What a client has sent is not changed.");

    private struct Field(int at, int nameBytes, int valueBytes)
    {
        private string? _text;

        public readonly bool IsThere => nameBytes > 0;

        public readonly ReadOnlySpan<byte> Name(byte[] bytes) => bytes.AsSpan(at, nameBytes);

        public readonly ReadOnlySpan<byte> Value(byte[] bytes) => bytes.AsSpan(at + nameBytes, valueBytes);

        public readonly bool Is(string name, byte[] bytes) => name.Length == nameBytes && Ascii.EqualsIgnoreCase(Name(bytes), name);

        public string Text(byte[] bytes) => _text ??= Encoding.UTF8.GetString(Value(bytes));
    }
}
