using Gateway.Core.Execution;

namespace Gateway.Core.Scheduling;

/// <summary>A model's instances: which are idle, which one was called, which wait for resources, and what the batch former may know of each.</summary>
/// <remarks><b>Threading</b>: under the batcher's lock, but for <see cref="All"/> and <see cref="IdleCount"/>.</remarks>
internal sealed class InstanceSet(BatchingPolicy policy)
{
    private readonly List<ModelInstance> _idle = [];
    private readonly List<ModelInstance> _waiting = [];
    private InstanceView[] _views = [];
    private bool _areAlike = true;

    public ModelInstance[] All { get; private set; } = [];

    public InstanceView[] Views => _views;

    /// <summary>The instance that was called last and has not come yet; null when none was.</summary>
    public ModelInstance? Called { get; set; }

    /// <summary>Instances that wait for a batch; read without the lock it may be behind.</summary>
    public int IdleCount => _idle.Count;

    public void Take(ModelInstance[] instances)
    {
        All = instances;
        _areAlike = instances.All(each => ReferenceEquals(each.Latency, instances[0].Latency));

        // Their threads are about to say so; until then they must not be taken for instances whose batch is late since the clock began.
        _views = [.. instances.Select(each => InstanceView.Idle(Unlike(each)))];
    }

    /// <summary>It has no batch any more.</summary>
    public void Free(ModelInstance instance) => _views[instance.Index] = InstanceView.Idle(Unlike(instance), WaitOf(instance));

    /// <summary>It waits until it is called.</summary>
    public void PutIdle(ModelInstance instance)
    {
        Free(instance);
        if (_waiting.Count > 0) _waiting.Remove(instance);
        _idle.Add(instance);
    }

    /// <summary>It has a batch.</summary>
    public void Run(ModelInstance instance, Batch batch) =>
        _views[instance.Index] = new InstanceView(false, batch.ClosedAt, batch.PaddedRows, Latency: Unlike(instance), Wait: WaitOf(instance), ShapeClass: batch.ShapeClass);

    public void Lose(ModelInstance instance) => _views[instance.Index] = InstanceView.Lost(Unlike(instance));

    /// <summary>Which idle instance goes next: of the fastest group the one that ran last, whose memory is warm.</summary>
    /// <param name="rows">That wait.</param>
    /// <param name="shapeClass">Of those that are next.</param>
    public ModelInstance Next(long rows, int shapeClass)
    {
        ModelInstance next = _idle[^1];
        if (_areAlike) return next;
        int batch = (int)Math.Min(rows, policy.MaxBatchRows);
        for (int i = _idle.Count - 2; i >= 0; i--)
        {
            if (Time(_idle[i].Latency) < Time(next.Latency)) next = _idle[i];
        }

        return next;

        double Time(LatencyModel latency) => latency.Shapes.Of(shapeClass) * policy.EstimateAlone(batch, latency);
    }

    /// <summary>An idle instance is called.</summary>
    public void Call(ModelInstance idle) => _idle.RemoveAt(_idle.LastIndexOf(idle));

    /// <summary>An idle instance waits for its resources, and is not idle meanwhile.</summary>
    public void Wait(ModelInstance idle, long now)
    {
        Call(idle);
        _waiting.Add(idle);
        _views[idle.Index] = InstanceView.Waiting(now, WaitOf(idle), Unlike(idle));
    }

    /// <summary>There is no batch any more for those that wait: they are idle again, and stand in nobody's way. Not those that have been granted theirs, which come by themselves.</summary>
    public void StopWaiting()
    {
        for (int i = _waiting.Count - 1; i >= 0; i--)
        {
            if (_waiting[i].Claim!.Withdraw()) PutIdle(_waiting[i]);
        }
    }

    /// <summary>No idle instance keeps resources from others.</summary>
    public void GiveBack()
    {
        foreach (ModelInstance idle in _idle) idle.Claim?.GiveBack();
    }

    private static long WaitOf(ModelInstance instance) => instance.Claim?.ExpectedWait ?? 0;

    /// <summary>What runs take on it, where others differ in that.</summary>
    private LatencyModel? Unlike(ModelInstance instance) => _areAlike ? null : instance.Latency;
}
