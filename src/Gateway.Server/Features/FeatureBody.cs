using System.Buffers.Binary;
using Gateway.Core.Features;
using Gateway.Core.Features.Configuration;
using Gateway.Core.Memory;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.Protocol.MessagePack;
using Gateway.Protocol.Tensors;
using Gateway.Server.MessagePack;
using Gateway.Server.OpenInference;

namespace Gateway.Server.Features;

/// <summary>Keys, and rows where there are any, as a call brings them: in the form in which a view takes them.</summary>
/// <remarks><b>Ownership</b>: its memory is the pool's, and given back when it is disposed.</remarks>
internal sealed class FeatureBody(FeatureViewConfig config, BlockPool pool) : IDisposable
{
    private MemoryBlock? _keys;
    private MemoryBlock? _rows;
    private int _keyBytes;
    private int _rowBytes;

    /// <summary>How many keys.</summary>
    public int Count { get; private set; }

    /// <summary>Strings with a 32-bit length before each, or numbers.</summary>
    public ReadOnlyMemory<byte> Keys => _keys is null ? default : new BlockMemory(_keys, _keyBytes).Memory;

    /// <summary>As many rows.</summary>
    public ReadOnlyMemory<byte> Rows => _rows is null ? default : new BlockMemory(_rows, _rowBytes).Memory;

    /// <summary>Begins with the keys; null before they are read.</summary>
    public MemoryBlock? KeyBlock => _keys;

    /// <summary>A body of one key.</summary>
    public static FeatureBody OfKey(FeatureViewConfig config, BlockPool pool, ReadOnlySpan<byte> key)
    {
        FeatureBody body = new(config, pool);
        body._keys = body.Rent(key.Length + sizeof(int));
        body.AddKey(key);
        return body;
    }

    /// <summary>Reads <c>{"keys": […], "rows": […]}</c>; rows may nest as their shape does.</summary>
    /// <exception cref="InferenceException">It is none.</exception>
    public void ReadJson(ReadOnlySpan<byte> json, bool hasRows)
    {
        JsonCursor cursor = new(json);
        (int keys, int rows) = FindJson(ref cursor, "keys"u8, "rows"u8);
        if (keys < 0) throw Errors.Missing("keys");
        if (hasRows && rows < 0) throw Errors.Missing("rows");
        cursor.Position = keys;
        ReadJsonKeys(ref cursor);
        if (!hasRows) return;
        cursor.Position = rows;
        ReadJsonRows(ref cursor);
    }

    /// <summary>Reads <c>{"row": […]}</c>.</summary>
    public void ReadJsonRow(ReadOnlySpan<byte> json)
    {
        JsonCursor cursor = new(json);
        (int row, _) = FindJson(ref cursor, "row"u8, default);
        if (row < 0) throw Errors.Missing("row");
        cursor.Position = row;
        ReadJsonRows(ref cursor);
    }

    /// <summary>Reads the same in MessagePack: <c>keys</c> an array of strings or integers, or a bin in the raw form; <c>rows</c> a bin.</summary>
    public void ReadPacked(ReadOnlySpan<byte> message, bool hasRows)
    {
        MessagePackReader reader = new(message);
        bool hasKeys = false;
        bool isThere = false;
        ReadOnlySpan<byte> rows = default;
        if (!reader.TryReadMapHeader(out int entries)) throw Malformed.At(reader, "the request");
        for (; entries > 0; entries--)
        {
            if (!reader.TryReadString(out ReadOnlySpan<byte> key)) throw Malformed.At(reader, "a key of the request");
            if (key.SequenceEqual("keys"u8))
            {
                if (hasKeys) throw Malformed.Twice("keys");
                hasKeys = true;
                ReadPackedKeys(ref reader);
            }
            else if (hasRows && key.SequenceEqual("rows"u8))
            {
                if (isThere) throw Malformed.Twice("rows");
                isThere = true;
                if (!reader.TryReadBinary(out rows)) throw Malformed.At(reader, "'rows', which must be bin,");
            }
            else if (!reader.TrySkip())
            {
                throw Malformed.At(reader, "a value of the request");
            }
        }

        if (!reader.IsAtEnd) throw Malformed.Invalid($"the request ends at byte {reader.Position}, but the message does not");
        if (!hasKeys) throw Malformed.Invalid("the request has no 'keys'");
        if (hasRows && !isThere) throw Malformed.Invalid("the request has no 'rows'");
        if (hasRows) TakeRow(rows);
    }

    /// <summary>Reads <c>{"row": bin}</c>.</summary>
    public void ReadPackedRow(ReadOnlySpan<byte> message)
    {
        MessagePackReader reader = new(message);
        bool isThere = false;
        ReadOnlySpan<byte> row = default;
        if (!reader.TryReadMapHeader(out int entries)) throw Malformed.At(reader, "the request");
        for (; entries > 0; entries--)
        {
            if (!reader.TryReadString(out ReadOnlySpan<byte> key)) throw Malformed.At(reader, "a key of the request");
            if (key.SequenceEqual("row"u8))
            {
                if (isThere) throw Malformed.Twice("row");
                isThere = true;
                if (!reader.TryReadBinary(out row)) throw Malformed.At(reader, "'row', which must be bin,");
            }
            else if (!reader.TrySkip())
            {
                throw Malformed.At(reader, "a value of the request");
            }
        }

        if (!reader.IsAtEnd) throw Malformed.Invalid($"the request ends at byte {reader.Position}, but the message does not");
        if (!isThere) throw Malformed.Invalid("the request has no 'row'");
        TakeRow(row);
    }

    /// <summary>Takes the bytes of as many rows as there are keys.</summary>
    public void TakeRow(ReadOnlySpan<byte> rows)
    {
        if (rows.Length != (long)Count * config.RowBytes) throw Errors.Invalid($"the rows have {rows.Length} bytes, and {Count} of feature view '{config.Name}' ({config.DataType.WireName()} {config.Row}) have {(long)Count * config.RowBytes}");
        _rows = Rent(rows.Length);
        rows.CopyTo(_rows.Span);
        _rowBytes = rows.Length;
    }

    public void Dispose()
    {
        _keys?.Release();
        _rows?.Release();
        _keys = _rows = null;
    }

    /// <summary>Finds where the values of two members begin, whatever order they come in; -1 for one that is not there.</summary>
    private static (int First, int Second) FindJson(ref JsonCursor cursor, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        (int first, int second) at = (-1, -1);
        JsonValues.BeginObject(ref cursor, "request");
        bool isFirst = true;
        while (cursor.TryNextMember(ref isFirst, out JsonString name))
        {
            cursor.Peek();
            if (at.first < 0 && name.Is(first)) at.first = cursor.Position;
            else if (at.second < 0 && name.Is(second)) at.second = cursor.Position;
            cursor.SkipValue();
        }

        cursor.ReadEnd();
        return at;
    }

    private void ReadJsonKeys(ref JsonCursor cursor)
    {
        int start = cursor.Position;
        cursor.SkipValue();
        int text = cursor.Position - start;
        cursor.Position = start;

        // A number takes two bytes with its comma, and eight here.
        _keys = Rent(config.KeyType == DataType.Bytes ? TensorJsonReader.MostRawBytes(text) : sizeof(long) * (((long)text + 1) / 2));
        JsonValues.BeginArray(ref cursor, "keys");
        bool isFirst = true;
        while (cursor.TryNextElement(ref isFirst))
        {
            if (config.KeyType == DataType.Int64)
            {
                ReadOnlySpan<byte> number = cursor.Rest;
                if (cursor.Peek() is not ((byte)'-' or (>= (byte)'0' and <= (byte)'9'))) throw Errors.Invalid($"key {Count} is no integer, and the keys of feature view '{config.Name}' are of INT64");
                NumberToken token = cursor.ReadNumber();
                if (!IntegerElement<long>.IsRightKind(token) || !IntegerElement<long>.TryConvert(token, number[..token.Length], out long value)) throw Errors.Invalid($"key {Count} is no integer of 64 bits, and the keys of feature view '{config.Name}' are");
                AddKey(value);
                continue;
            }

            if (cursor.Peek() != '"') throw Errors.Invalid($"key {Count} is no string, and the keys of feature view '{config.Name}' are of BYTES");
            JsonString key = cursor.ReadString();
            Span<byte> to = _keys.Span[(_keyBytes + sizeof(int))..];
            AddKeyInPlace(key.CopyTo(to));
        }
    }

    private void ReadJsonRows(ref JsonCursor cursor)
    {
        if (config.DataType is DataType.Fp16 or DataType.Bf16) throw Errors.Invalid($"rows of {config.DataType.WireName()} cannot be sent as JSON. Please use MessagePack");
        long bytes = (long)Count * config.RowBytes;

        // An element and what separates it from the next take two bytes at least: a body that is too short allocates nothing.
        if (bytes / config.DataType.Size() > ((long)cursor.Length - cursor.Position + 1) / 2) throw Errors.Invalid($"there are fewer numbers than {Count} rows of feature view '{config.Name}' have");
        _rows = Rent(bytes);
        _rowBytes = (int)bytes;
        TensorJsonReader.ReadFixed(ref cursor, config.DataType, _rows.Span[.._rowBytes], new JsonString("rows"u8, hasEscapes: false));
    }

    private void ReadPackedKeys(ref MessagePackReader reader)
    {
        if (reader.PeekType() == MessagePackType.Binary)
        {
            reader.TryReadBinary(out ReadOnlySpan<byte> raw);
            TakeRawKeys(raw);
            return;
        }

        int start = reader.Position;
        MessagePackReader ahead = reader;
        if (!ahead.TrySkip()) throw Malformed.At(ahead, "'keys'");

        // A string of n bytes takes n + 1 and more there and n + 4 here; an integer one and eight.
        if (!reader.TryReadArrayHeader(out int count)) throw Malformed.At(reader, "'keys', which must be an array or bin,");
        _keys = Rent((long)ahead.Position - start + ((long)count * sizeof(long)));
        for (int i = 0; i < count; i++)
        {
            if (config.KeyType == DataType.Int64)
            {
                if (!reader.TryReadInt64(out long number)) throw Malformed.At(reader, $"key {i}, which must be an integer,");
                AddKey(number);
            }
            else
            {
                if (!reader.TryReadStringUnchecked(out ReadOnlySpan<byte> key)) throw Malformed.At(reader, $"key {i}, which must be a string,");
                AddKey(key);
            }
        }
    }

    private void TakeRawKeys(ReadOnlySpan<byte> raw)
    {
        _keys = Rent(raw.Length);
        if (config.KeyType == DataType.Int64)
        {
            if (raw.Length % sizeof(long) != 0) throw Malformed.Invalid($"'keys' has {raw.Length} bytes, which are no numbers of 64 bits");
            raw.CopyTo(_keys.Span);
            _keyBytes = raw.Length;
            Count = raw.Length / sizeof(long);
            return;
        }

        while (raw.Length > 0)
        {
            if (!RawStrings.TryRead(ref raw, out ReadOnlySpan<byte> key)) throw Malformed.Invalid($"'keys' ends within key {Count}");
            AddKey(key);
        }
    }

    private void AddKey(long number)
    {
        BinaryPrimitives.WriteInt64LittleEndian(_keys!.Span[_keyBytes..], number);
        _keyBytes += sizeof(long);
        Count++;
    }

    private void AddKey(ReadOnlySpan<byte> key)
    {
        if (config.KeyType == DataType.Int64)
        {
            AddKey(BinaryPrimitives.ReadInt64LittleEndian(key));
            return;
        }

        key.CopyTo(_keys!.Span[(_keyBytes + sizeof(int))..]);
        AddKeyInPlace(key.Length);
    }

    private void AddKeyInPlace(int length)
    {
        if (length > FeatureView.MostKeyBytes) throw Errors.Invalid($"key {Count} has {length} bytes (allowed {FeatureView.MostKeyBytes})");
        BinaryPrimitives.WriteInt32LittleEndian(_keys!.Span[_keyBytes..], length);
        _keyBytes += sizeof(int) + length;
        Count++;
    }

    private MemoryBlock Rent(long bytes) => pool.TryRent(bytes, BlockOwner.RequestTensors, out MemoryBlock? block) ? block : throw Errors.NoMemory();
}
