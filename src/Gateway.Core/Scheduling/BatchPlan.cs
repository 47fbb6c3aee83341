using System.Runtime.InteropServices;

namespace Gateway.Core.Scheduling;

/// <summary>A batch former's decision: who goes into the next batch and why, or when to ask again.</summary>
/// <remarks>One object a batcher, filled anew for each decision. <b>Threading</b>: under the batcher's lock.</remarks>
public sealed class BatchPlan
{
    private readonly List<Part> _parts = [];
    private readonly List<Refused> _refused = [];

    /// <summary>Requests to take, in batch order, and how many rows of each; empty to take nothing now.</summary>
    public ReadOnlySpan<Part> Parts => CollectionsMarshal.AsSpan(_parts);

    /// <summary>Requests to refuse; none of them is a part.</summary>
    public ReadOnlySpan<Refused> Refusals => CollectionsMarshal.AsSpan(_refused);

    public int Rows { get; private set; }

    public CloseReason Reason { get; set; }

    /// <summary>When to decide again if nothing happens before; <see cref="QueueEntry.NoDeadline"/> when only an event can change the decision.</summary>
    public long WakeAt { get; set; }

    public void Clear()
    {
        _parts.Clear();

        // Only what nobody took out as it was told is still here.
        foreach (Refused refused in Refusals) refused.Entry.IsLeaving = false;
        _refused.Clear();
        Rows = 0;
        WakeAt = QueueEntry.NoDeadline;
    }

    public void Take(QueueEntry entry, int rows)
    {
        _parts.Add(new Part(entry, rows));
        Rows += rows;
    }

    /// <summary>Takes so many rows of the entries from <paramref name="first"/> on, all that wait of each but perhaps the last.</summary>
    public void TakeRun(QueueEntry first, int rows)
    {
        for (QueueEntry entry = first; rows > 0; entry = QueueBucket.Next(entry)!)
        {
            if (entry.IsLeaving) continue;
            int part = Math.Min(rows, entry.RowsWaiting);
            Take(entry, part);
            rows -= part;
        }
    }

    public void Refuse(QueueEntry entry, Refusal why)
    {
        entry.IsLeaving = true;
        _refused.Add(new Refused(entry, why));
    }

    /// <summary>A request that is to leave the queue unserved.</summary>
    public readonly record struct Refused(QueueEntry Entry, Refusal Why);

    /// <summary>Rows of one request that go into the batch.</summary>
    public readonly record struct Part(QueueEntry Entry, int Rows);
}
