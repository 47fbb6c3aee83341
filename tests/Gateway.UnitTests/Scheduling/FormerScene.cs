using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;

namespace Gateway.UnitTests.Scheduling;

/// <summary>A queue and a clock to ask a batch former about.</summary>
internal sealed class FormerScene(BatchingPolicy policy, IBatchFormer? former = null)
{
    private readonly IBatchFormer _former = former ?? new FifoBatchFormer(policy);
    private readonly RequestQueue _queue = new((former ?? new FifoBatchFormer(policy)).Order, policy.PriorityLevels);
    private readonly BatchPlan _plan = new();
    private readonly int _maxBatchRows = policy.MaxBatchRows;
    private long _sequence;

    public LatencyModel Latency { get; } = new(policy.MaxBatchRows);

    public RequestQueue Queue => _queue;

    /// <summary>None stands for one that is idle.</summary>
    public InstanceView[] Instances { get; set; } = [];

    public TestEntry Add(int rows = 1, long arrival = 0, ulong key = 0, int priority = 1, long deadline = QueueEntry.NoDeadline, Tenant? tenant = null)
    {
        TestEntry entry = new() { Rows = rows, Arrival = arrival, ShapeKey = key, Priority = priority, Deadline = deadline, Tenant = tenant, Sequence = ++_sequence };
        _queue.Add(entry);
        return entry;
    }

    public FormerScene AddAll(params int[] rows)
    {
        foreach (int each in rows) Add(each);
        return this;
    }

    /// <summary>A batch takes 100 ticks and 10 more a row, and has run a moment ago.</summary>
    public FormerScene WithLatencies()
    {
        for (int rows = 1; rows <= _maxBatchRows; rows++) Latency.Profile(rows, 100 + (10 * rows));
        Latency.EndProfile();

        // Not long ago: what is idle and has not run for long gets a try.
        Latency.Record(1, 110, now: 0);
        return this;
    }

    /// <summary>Whether an entry that is not in the queue would be refused.</summary>
    public RefusalReason Admit(TestEntry entry, long now = 0) => _former.Admit(entry, View(now, false)).Reason;

    /// <summary>The decision: <c>reason: rows of each part</c>, or <c>wake at …</c>, or <c>nothing</c>.</summary>
    public string Decide(long now = 0, bool isDraining = false)
    {
        _former.Decide(View(now, isDraining), _plan);
        if (_plan.Parts.Length > 0) return $"{_plan.Reason}: {string.Join(' ', _plan.Parts.ToArray().Select(part => part.Rows))}";
        return _plan.WakeAt == QueueEntry.NoDeadline ? "nothing" : $"wake at {_plan.WakeAt}";
    }

    /// <summary>Looks ahead, while no instance is idle.</summary>
    public void Preview(long now = 0) => _former.Preview(View(now, false), _plan);

    /// <summary>The entries of the last decision.</summary>
    public IEnumerable<QueueEntry> Taken => _plan.Parts.ToArray().Select(part => part.Entry);

    /// <summary>Likewise, with how many rows of each.</summary>
    public IEnumerable<(QueueEntry Entry, int Rows)> TakenRows => _plan.Parts.ToArray().Select(part => (part.Entry, part.Rows));

    /// <summary>Whom the last decision refuses.</summary>
    public IEnumerable<(QueueEntry Entry, RefusalReason Reason)> Refused => _plan.Refusals.ToArray().Select(refused => (refused.Entry, refused.Why.Reason));

    /// <summary>Does what the last decision says.</summary>
    public void Apply()
    {
        foreach (BatchPlan.Part part in _plan.Parts.ToArray()) _queue.Take(part.Entry, part.Rows);
    }

    /// <summary>Likewise, its refusals included.</summary>
    public void ApplyAll()
    {
        foreach (BatchPlan.Refused refused in _plan.Refusals.ToArray()) _queue.Remove(refused.Entry);
        Apply();
    }

    private SchedulingView View(long now, bool isDraining) => new(_queue, Latency, Instances, now, isDraining);
}
