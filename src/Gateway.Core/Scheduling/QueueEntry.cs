using Gateway.Core.Tenants;

namespace Gateway.Core.Scheduling;

/// <summary>What the batch former knows of a request: all of its scheduling, none of its tensors.</summary>
/// <remarks>Times are timestamps of the batcher's <see cref="TimeProvider"/> (monotonic ticks, <see cref="TimeProvider.TimestampFrequency"/> a second).</remarks>
public abstract class QueueEntry
{
    /// <summary>A deadline that never passes.</summary>
    public const long NoDeadline = long.MaxValue;

    /// <summary>When the request came: its head over HTTP and gRPC, its first byte in frames and streams. Its time counts from then.</summary>
    public long Arrival { get; set; }

    /// <summary>Ticks from then until it was handed to its model's queue: in which it lay unread, was read, had its features looked up, was elsewhere, and waited for another's run.</summary>
    public long Waited { get; set; }

    /// <summary>When it is of no use any more to its caller; <see cref="NoDeadline"/> for never. Absolute.</summary>
    public long Deadline { get; set; } = NoDeadline;

    /// <summary>Priority level: 1 is served first; 0 asks for the model's default.</summary>
    public int Priority { get; set; }

    /// <summary>Rows along the batch dimension, at least 1; 1 for a model that does not batch.</summary>
    public int Rows { get; set; } = 1;

    /// <summary>On whose behalf it comes; null where requests have no tenants.</summary>
    public Tenant? Tenant { get; internal set; }

    /// <summary>Requests with different keys cannot share a batch: a hash of the dimensions that are not the model's own, 0 when there are none.</summary>
    public ulong ShapeKey { get; set; }

    /// <summary>What its rows' size says of how long they run (<see cref="ShapeClasses"/>): the same for all of one key.</summary>
    public int ShapeClass { get; set; }

    /// <summary>Order of acceptance in its model, rising by one; the tie-breaker of every order.</summary>
    public long Sequence { get; internal set; }

    /// <summary>Rows already given to batches: between 0 and <see cref="Rows"/> exclusive while it waits; more than 0 for a request that is being split.</summary>
    public int RowsTaken { get; internal set; }

    /// <summary>Rows that still wait.</summary>
    public int RowsWaiting => Rows - RowsTaken;

    /// <summary>Set when the time-out action is DELAY and the time-out has passed: it is then served after all others of its level.</summary>
    internal bool IsDelayed { get; set; }

    /// <summary>When its queue policy's time-out passes; <see cref="NoDeadline"/> for never. Absolute.</summary>
    internal long TimesOutAt { get; set; } = NoDeadline;

    /// <summary>Whether that time-out bounds its wait and no more, as a queue policy's own does in Triton.</summary>
    internal bool TimesOutInQueueOnly { get; set; }

    /// <summary>When its answer is late; <see cref="NoDeadline"/> for never.</summary>
    internal long AnswerDueAt => TimesOutInQueueOnly ? Deadline : DueAt;

    /// <summary>When the queue has to look at it again: its deadline, or its time-out while that still means something.</summary>
    internal long DueAt => IsDelayed ? Deadline : Math.Min(Deadline, TimesOutAt);

    /// <summary>Rows that were to be served before it when it came, or when it was refused; where the queue was full, requests that waited.</summary>
    public long RowsAhead { get; set; }

    /// <summary>When it will be finished, as far as could be told on its arrival; 0 when nothing could. A timestamp.</summary>
    public long PredictedEnd { get; set; }

    /// <summary>Whether the batch former has refused it, and the batcher is about to take it out.</summary>
    internal bool IsLeaving { get; set; }

    /// <summary>Where it is among all that have no deadline.</summary>
    internal PatientLinks InLine;

    /// <summary>Where it is among its tenant's that have none.</summary>
    internal PatientLinks InTenantsLine;

    /// <summary>Position in the queue's deadline heap, -1 when not in it.</summary>
    internal int HeapIndex { get; set; } = -1;

    /// <summary>Keeps the trees balanced: no less than that of any entry below.</summary>
    internal ulong HeapKey { get; set; }

    /// <summary>Where it is in its bucket.</summary>
    internal TreeLinks InBucket;

    /// <summary>Where it is among its tenant's.</summary>
    internal TreeLinks InLane;

    /// <summary>Its tenant's lane while it waits; null for a request of no tenant.</summary>
    internal TenantLane? Lane { get; set; }
}
