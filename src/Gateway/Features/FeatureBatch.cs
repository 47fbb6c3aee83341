using System.Buffers;
using System.Buffers.Binary;
using Gateway.Core.Features;
using Gateway.Core.Features.Configuration;
using Gateway.Protocol.Tensors;

namespace Gateway.Features;

/// <summary>Rows on their way from a file to a view, in the form in which it takes them; used again for the next.</summary>
internal sealed class FeatureBatch(FeatureViewConfig config)
{
    // A body that any server takes, and enough that calls do not matter beside rows.
    private const int MostBytes = 1 << 20;
    private const int MostRows = 4096;

    private readonly ArrayBufferWriter<byte> _keys = new();
    private readonly ArrayBufferWriter<byte> _rows = new();

    public int Count { get; private set; }

    public ReadOnlyMemory<byte> Keys => _keys.WrittenMemory;

    public ReadOnlyMemory<byte> Rows => _rows.WrittenMemory;

    public bool IsFull => Count >= MostRows || _keys.WrittenCount + _rows.WrittenCount >= MostBytes;

    public void Clear()
    {
        _keys.ResetWrittenCount();
        _rows.ResetWrittenCount();
        Count = 0;
    }

    /// <summary>Where the next row goes; it is there once <see cref="Add"/> has been called.</summary>
    public Span<byte> NextRow() => _rows.GetSpan(config.RowBytes)[..config.RowBytes];

    /// <summary>Adds the row that was written to <see cref="NextRow"/>.</summary>
    /// <param name="key">A string's text, or a number's digits.</param>
    /// <exception cref="InvalidDataException">It cannot be a key.</exception>
    public void Add(ReadOnlySpan<byte> key)
    {
        if (config.KeyType == DataType.Int64)
        {
            if (!RowNumbers.TryParse(DataType.Int64, key, _keys.GetSpan(sizeof(long)))) throw new InvalidDataException($"'{System.Text.Encoding.UTF8.GetString(key[..Math.Min(64, key.Length)])}' is no key of INT64");
            _keys.Advance(sizeof(long));
        }
        else
        {
            AddText(key);
        }

        Advance();
    }

    /// <summary>Adds the row that was written to <see cref="NextRow"/>.</summary>
    /// <param name="key">In the raw form.</param>
    public void AddRaw(ReadOnlySpan<byte> key)
    {
        if (config.KeyType == DataType.Int64) _keys.Write(key);
        else AddText(key[sizeof(int)..]);
        Advance();
    }

    private void AddText(ReadOnlySpan<byte> key)
    {
        if (key.Length > FeatureView.MostKeyBytes) throw new InvalidDataException($"a key has {key.Length} bytes (allowed {FeatureView.MostKeyBytes})");
        BinaryPrimitives.WriteInt32LittleEndian(_keys.GetSpan(sizeof(int)), key.Length);
        _keys.Advance(sizeof(int));
        _keys.Write(key);
    }

    private void Advance()
    {
        _rows.Advance(config.RowBytes);
        Count++;
    }
}
