namespace Gateway.Core.Diagnostics;

/// <summary>Counts of the batches of one size.</summary>
public sealed class BatchSizeCounts
{
    public long Executions { get; internal set; }

    /// <summary>Closing of the batch to the begin of its run, over all of them.</summary>
    public long InputNanoseconds { get; internal set; }

    public long InferNanoseconds { get; internal set; }

    /// <summary>End of the run to the answers.</summary>
    public long OutputNanoseconds { get; internal set; }

    internal BatchSizeCounts Copy() => (BatchSizeCounts)MemberwiseClone();
}
