namespace Gateway.Core.Scheduling;

/// <summary>Batching policy: who may enter the queue, who goes into the next batch, why, and when to ask again.</summary>
/// <remarks>
/// <b>Behaviour</b>: pure. The same view gives the same decision; the queue is only looked at, the batcher acts on the decision.
/// <b>Threading</b>: called under the batcher's lock, so it may keep scratch state. <b>Cost</b>: no allocation; at most a few microseconds, since
/// arrivals wait for it.
/// </remarks>
public interface IBatchFormer
{
    /// <summary>Who is served before whom within a bucket; every pair of entries must differ (the sequence sees to it).</summary>
    IComparer<QueueEntry> Order { get; }

    /// <summary>Whether a request that has just come may wait.</summary>
    /// <returns>Null when it may, else the text that refuses it.</returns>
    string? Refuse(QueueEntry arrived, in SchedulingView view);

    /// <summary>Decides on the next batch; called only while an instance is idle and something waits.</summary>
    void Decide(in SchedulingView view, BatchPlan plan);
}
