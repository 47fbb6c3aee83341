using Gateway.Core.Features;
using Gateway.Core.Memory;
using Gateway.Server.OpenInference;

namespace Gateway.Server.Features;

/// <summary>The rows of a body's keys.</summary>
/// <remarks><b>Ownership</b>: its memory is the pool's, and given back when it is disposed.</remarks>
internal sealed class FoundRows : IDisposable
{
    private readonly MemoryBlock _block;
    private readonly int _rowBytes;

    private FoundRows(MemoryBlock block, int rowBytes, int count)
    {
        _block = block;
        _rowBytes = rowBytes;
        Count = count;
    }

    public int Count { get; }

    /// <summary>A byte for each key: whether it has a row.</summary>
    public ReadOnlySpan<byte> Flags => _block.Span[..Count];

    /// <summary>All rows; those that are not there are zeros.</summary>
    public ReadOnlySpan<byte> Rows => _block.Span.Slice(Count, Count * _rowBytes);

    public bool Has(int index) => _block.Span[index] != 0;

    public ReadOnlySpan<byte> Row(int index) => Rows.Slice(index * _rowBytes, _rowBytes);

    /// <exception cref="Protocol.InferenceException">A row cannot be read, or there is no memory for so many.</exception>
    public static async Task<FoundRows> LookUpAsync(FeatureView view, FeatureBody body, BlockPool pool, CancellationToken cancellation)
    {
        int rowBytes = view.Config.RowBytes;
        long bytes = body.Count * (1L + rowBytes);
        if (bytes > int.MaxValue || !pool.TryRent(bytes, BlockOwner.ResponseTensors, out MemoryBlock? block)) throw Errors.NoMemory();
        FoundRows found = new(block, rowBytes, body.Count);
        try
        {
            block.Span[..(int)bytes].Clear();
            await view.LookUpAsync(body.KeyBlock!, body.Count, block, cancellation).ConfigureAwait(false);
            return found;
        }
        catch
        {
            found.Dispose();
            throw;
        }
    }

    public void Dispose() => _block.Release();
}
