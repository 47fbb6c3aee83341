using System.Numerics;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;

namespace Gateway.Core.Diagnostics;

/// <summary>The counts behind <see cref="ModelStatistics"/>.</summary>
public sealed class ModelCounts
{
    /// <summary>Bounded batch-size buckets: bucket <i>i</i> counts batches of at most 2^<i>i</i> rows; one more counts the rest.</summary>
    public const int BatchSizeBounds = 13;

    // An entry for each size that was ever run: a few dozen, at most as many as the largest batch has rows.
    private readonly Dictionary<int, BatchSizeCounts> _sizes = [];

    /// <summary>Requests that passed validation.</summary>
    public long Accepted { get; internal set; }

    /// <summary>Requests that ended, by <see cref="RequestOutcome"/>.</summary>
    public long[] Outcomes { get; } = new long[Enum.GetValues<RequestOutcome>().Length];

    /// <summary>Rejected requests, by <see cref="RefusalReason"/>; those that were refused because the model is going away are under None.</summary>
    public long[] Refusals { get; } = new long[RefusalReasons.CountOfModel];

    /// <summary>Requests that succeeded after their deadline.</summary>
    public long LateRequests { get; internal set; }

    /// <summary>Their rows: run for nothing.</summary>
    public long LateRows { get; internal set; }

    /// <summary>Rows of requests that succeeded by their deadline, or had none.</summary>
    public long RowsInTime { get; internal set; }

    /// <summary>Rows that were run of requests that were cancelled, refused or expired, or failed, before all of theirs had been.</summary>
    public long AbandonedRows { get; internal set; }

    /// <summary>Rows run; a request of a model that does not batch counts as one.</summary>
    public long Inferences { get; internal set; }

    /// <summary>Batches run.</summary>
    public long Executions { get; internal set; }

    /// <summary>Runs that failed, those of bisected batches included.</summary>
    public long FailedExecutions { get; internal set; }

    /// <summary>Runs that needed more memory than their device had.</summary>
    public long OutOfMemory { get; internal set; }

    /// <summary>Runs under which an instance lost its device.</summary>
    public long LostDevices { get; internal set; }

    /// <summary>Rows run that nobody asked for, to reach an allowed batch size.</summary>
    public long PaddingRows { get; internal set; }

    /// <summary>Bytes that protocol endpoints copied to bring accepted requests' inputs into their blocks.</summary>
    public long ReceivedBytes { get; internal set; }

    /// <summary>Bytes copied to gather the batches that succeeded.</summary>
    public long GatheredBytes { get; internal set; }

    /// <summary>Batches by <see cref="CloseReason"/>.</summary>
    public long[] CloseReasons { get; } = new long[Enum.GetValues<CloseReason>().Length];

    /// <summary>Batches by rows, not cumulative.</summary>
    public long[] BatchSizes { get; } = new long[BatchSizeBounds + 1];

    /// <summary>Batches by their exact number of rows.</summary>
    public IReadOnlyDictionary<int, BatchSizeCounts> Sizes => _sizes;

    /// <summary>Acceptance to answer, of all requests that did not succeed.</summary>
    public long FailedNanoseconds { get; internal set; }

    /// <summary>When the last batch ended; the default value when none has.</summary>
    public DateTimeOffset LastInference { get; internal set; }

    /// <summary>Acceptance to answer, of requests that succeeded.</summary>
    public DurationHistogram Request { get; } = new();

    /// <summary>Acceptance to the closing of the (last) batch.</summary>
    public DurationHistogram Queue { get; } = new();

    /// <summary>Closing of the batch to the begin of its run: gathering, and the wait for a slab when slow answers hold both.</summary>
    public DurationHistogram ComputeInput { get; } = new();

    public DurationHistogram ComputeInfer { get; } = new();

    /// <summary>Of batches on a device: gathered to begin of the run, the wait for the device included. Part of <see cref="ComputeInput"/>.</summary>
    public DurationHistogram Upload { get; } = new();

    /// <summary>Of batches on a device: end of the run to the outputs being back. Part of <see cref="ComputeOutput"/>.</summary>
    public DurationHistogram Download { get; } = new();

    /// <summary>End of the run to the answer.</summary>
    public DurationHistogram ComputeOutput { get; } = new();

    /// <summary>How far requests that succeeded ended from when they were to, by what was known on their arrival.</summary>
    public DurationHistogram PredictionError { get; } = new();

    public long this[RequestOutcome outcome] => Outcomes[(int)outcome];

    /// <summary>Time in runs over all batches, each once however many requests were in it.</summary>
    public long RunNanoseconds => _sizes.Values.Sum(size => size.InferNanoseconds);

    internal void CountBatchSize(int rows) =>
        BatchSizes[Math.Min(rows <= 1 ? 0 : BitOperations.Log2((uint)(rows - 1)) + 1, BatchSizeBounds)]++;

    /// <summary>Counts one batch of a size.</summary>
    internal void CountSize(int rows, long gather, long run, long scatter)
    {
        if (!_sizes.TryGetValue(rows, out BatchSizeCounts? size)) _sizes[rows] = size = new BatchSizeCounts();
        size.Executions++;
        size.InputNanoseconds += gather;
        size.InferNanoseconds += run;
        size.OutputNanoseconds += scatter;
    }

    internal void CopyTo(ModelCounts other)
    {
        foreach ((int rows, BatchSizeCounts size) in _sizes) other._sizes[rows] = size.Copy();
        other.FailedNanoseconds = FailedNanoseconds;
        Outcomes.CopyTo(other.Outcomes, 0);
        Refusals.CopyTo(other.Refusals, 0);
        other.LateRequests = LateRequests;
        other.LateRows = LateRows;
        other.RowsInTime = RowsInTime;
        other.AbandonedRows = AbandonedRows;
        CloseReasons.CopyTo(other.CloseReasons, 0);
        BatchSizes.CopyTo(other.BatchSizes, 0);
        other.Inferences = Inferences;
        other.Executions = Executions;
        other.FailedExecutions = FailedExecutions;
        other.OutOfMemory = OutOfMemory;
        other.LostDevices = LostDevices;
        other.PaddingRows = PaddingRows;
        other.ReceivedBytes = ReceivedBytes;
        other.GatheredBytes = GatheredBytes;
        other.LastInference = LastInference;
        Request.CopyTo(other.Request);
        PredictionError.CopyTo(other.PredictionError);
        Queue.CopyTo(other.Queue);
        ComputeInput.CopyTo(other.ComputeInput);
        ComputeInfer.CopyTo(other.ComputeInfer);
        Upload.CopyTo(other.Upload);
        Download.CopyTo(other.Download);
        ComputeOutput.CopyTo(other.ComputeOutput);
    }
}
