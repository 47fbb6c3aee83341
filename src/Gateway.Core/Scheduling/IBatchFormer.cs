namespace Gateway.Core.Scheduling;

/// <summary>Batching policy: who may enter the queue, who goes into the next batch, who is refused, why, and when to ask again.</summary>
/// <remarks>
/// <b>Behaviour</b>: pure. The same questions in the same order get the same answers; the queue is only looked at, the batcher acts on the decision.
/// <b>Threading</b>: called under the batcher's lock, so it may keep state. <b>Cost</b>: no allocation; at most a few microseconds, since
/// arrivals wait for it.
/// </remarks>
public interface IBatchFormer
{
    /// <summary>Who is served before whom within a bucket; every pair of entries must differ (the sequence sees to it).</summary>
    IComparer<QueueEntry> Order { get; }

    /// <summary>Whether a request that has just come, and does not wait yet, may wait. Notes in it when it will be finished, if that can be said.</summary>
    Refusal Admit(QueueEntry arrived, in SchedulingView view);

    /// <summary>What <see cref="Admit"/> would go by for requests of one row, so that they can be refused before they are read; nothing when that is not what requests are admitted by.</summary>
    Outlook LookAhead(in SchedulingView view);

    /// <summary>When a request of one row that came now would be finished, by its level and deadline, as <see cref="Admit"/> would have it; 0 where <see cref="LookAhead"/> has nothing to say.</summary>
    /// <param name="rowsAhead">Rows that it would be served behind.</param>
    long Foresee(in SchedulingView view, int level, long due, out long rowsAhead);

    /// <summary>Decides on the next batch, and on who will miss its deadline; called only while an instance is idle and something waits.</summary>
    void Decide(in SchedulingView view, BatchPlan plan);

    /// <summary>Decides on who will miss its deadline, whatever comes; called when something waits and no instance is idle, after arrivals and once a batch was taken.</summary>
    void Preview(in SchedulingView view, BatchPlan plan);
}
