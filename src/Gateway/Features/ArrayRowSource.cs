using System.IO.Compression;
using Gateway.Core.Features.Configuration;
using Gateway.Files;
using Gateway.Protocol.Tensors;

namespace Gateway.Features;

/// <summary>A <c>.npz</c> with two arrays of as many rows: <c>keys</c>, of strings or 64-bit integers, and <c>rows</c>, of the view's own type and shape.</summary>
internal sealed class ArrayRowSource : IFeatureSource
{
    private readonly ZipArchive _archive;
    private readonly NpyRows _keys;
    private readonly NpyRows _rows;

    /// <exception cref="InvalidDataException">It is damaged, or does not fit the view; the message says what.</exception>
    public ArrayRowSource(string file, FeatureViewConfig config)
    {
        _archive = ZipFile.OpenRead(file);
        NpyRows? keys = null;
        try
        {
            _keys = keys = Open("keys");
            _rows = Open("rows");
            try
            {
                Check(config);
            }
            catch
            {
                _rows.Dispose();
                throw;
            }
        }
        catch
        {
            keys?.Dispose();
            _archive.Dispose();
            throw;
        }
    }

    public long Position { get; private set; }

    public long Length => _rows.Header.Rows;

    public bool TryNext(FeatureBatch batch)
    {
        if (Position == Length) return false;
        Position++;
        _rows.Next().CopyTo(batch.NextRow());
        batch.AddRaw(_keys.Next());
        return true;
    }

    public void Dispose()
    {
        _keys.Dispose();
        _rows.Dispose();
        _archive.Dispose();
    }

    private NpyRows Open(string name) =>
        new(name, (_archive.GetEntry(name + ".npy") ?? throw new InvalidDataException($"it has no array '{name}' (it must have keys and rows)")).Open());

    private void Check(FeatureViewConfig config)
    {
        NpyHeader keys = _keys.Header;
        NpyHeader rows = _rows.Header;
        if (keys.DataType != config.KeyType.WireName() || keys.RowElements != 1) throw new InvalidDataException($"'keys' is of {keys.DataType} [{string.Join(',', keys.Shape)}], and the view's keys are of {config.KeyType.WireName()}, one a row");
        if (rows.DataType != config.DataType.WireName() || !rows.Shape.AsSpan(1).SequenceEqual(config.Row.Dims)) throw new InvalidDataException($"'rows' is of {rows.DataType} [{string.Join(',', rows.Shape)}], and the view's rows are of {config.DataType.WireName()} {config.Row}");
        if (keys.Rows != rows.Rows) throw new InvalidDataException($"there are {keys.Rows} keys and {rows.Rows} rows");
    }
}
