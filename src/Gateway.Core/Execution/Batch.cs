using System.Runtime.InteropServices;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol.Tensors;

namespace Gateway.Core.Execution;

/// <summary>Rows of requests that are run together, in the order in which they lie in the tensors.</summary>
/// <remarks>
/// <b>Ownership</b>: one instance's, used again for each of its batches. <b>Threading</b>: filled under the batcher's lock, then the instance's thread only.
/// </remarks>
public sealed class Batch
{
    private readonly List<BatchSlice> _slices = [];

    /// <summary>The parts, in batch order.</summary>
    public ReadOnlySpan<BatchSlice> Slices => CollectionsMarshal.AsSpan(_slices);

    /// <summary>Rows of requests.</summary>
    public int Rows { get; private set; }

    /// <summary>Rows to run: <see cref="Rows"/>, or more when the model allows only certain batch sizes.</summary>
    public int PaddedRows { get; set; }

    /// <summary>What the size of its rows says of how long it runs; see <see cref="ShapeClasses"/>.</summary>
    public int ShapeClass { get; private set; }

    public CloseReason CloseReason { get; set; }

    /// <summary>When its instance was free to take it: what had arrived by then, and what came until it was closed, went into it.</summary>
    public long OpenedAt { get; set; }

    /// <summary>When it was closed, by the thread that runs it.</summary>
    public long ClosedAt { get; set; }

    /// <summary>Bytes copied to gather the rows, padding included; 0 for a request that was bound where it lies. Set by the executor.</summary>
    public long GatheredBytes { get; set; }

    /// <summary>When its rows, gathered, began their way to a device; 0 where there is none. Set by the executor.</summary>
    public long UploadStart { get; set; }

    /// <summary>When its outputs were back from a device; 0 where there is none. Set by the executor.</summary>
    public long DownloadEnd { get; set; }

    /// <summary>When the model's run began; set by the executor once all rows are gathered.</summary>
    public long RunStart { get; set; }

    /// <summary>When the model's run ended; set by the executor.</summary>
    public long RunEnd { get; set; }

    /// <summary>When its answers are of no use to anybody any more; <see cref="QueueEntry.NoDeadline"/> for never. A timestamp.</summary>
    public long LatestDeadline
    {
        get
        {
            long latest = long.MinValue;
            foreach (BatchSlice slice in Slices) latest = Math.Max(latest, slice.Request.DueAt);
            return latest;
        }
    }

    /// <summary>Shape that input <paramref name="index"/> has for the whole batch, padding included, as clients see it.</summary>
    public TensorShape InputShape(int index, bool isBatching)
    {
        TensorShape shape = _slices[0].Request.Inputs[index].Shape;
        if (isBatching) shape[0] = PaddedRows;
        return shape;
    }

    internal void Clear()
    {
        _slices.Clear();
        Rows = 0;
        PaddedRows = 0;
        UploadStart = 0;
        RunStart = 0;
        RunEnd = 0;
        DownloadEnd = 0;
        GatheredBytes = 0;
    }

    internal void Add(InferenceRequest request, int firstRow, int rows)
    {
        _slices.Add(new BatchSlice(request, firstRow, rows, Rows));
        ShapeClass = request.ShapeClass;
        Rows += rows;
        PaddedRows = Rows;
    }
}
