namespace Gateway.Core.Scheduling;

/// <summary>All that a batch former may look at.</summary>
/// <param name="queue">What waits.</param>
/// <param name="latency">What a run of so many rows takes on the instance that is decided for, or would be free for an arrival.</param>
/// <param name="instances">State of every instance of the model.</param>
/// <param name="now">Timestamp of the decision.</param>
/// <param name="isDraining">No request will come any more: nothing is worth waiting for.</param>
public readonly ref struct SchedulingView(
    RequestQueue queue, LatencyModel latency, ReadOnlySpan<InstanceView> instances, long now, bool isDraining)
{
    public RequestQueue Queue { get; } = queue;

    public LatencyModel Latency { get; } = latency;

    public ReadOnlySpan<InstanceView> Instances { get; } = instances;

    public long Now { get; } = now;

    public bool IsDraining { get; } = isDraining;

    /// <summary>Whether runs take as long on one instance as on another, as far as is known: there is one instance group.</summary>
    public bool AreAlike => Instances.Length < 2 || Instances[0].Latency is null;

    /// <summary>The same, for an instance of another group.</summary>
    public SchedulingView For(LatencyModel latency) => new(Queue, latency, Instances, Now, IsDraining);

    /// <summary>What runs take on an instance.</summary>
    public LatencyModel LatencyOf(in InstanceView instance) => instance.Latency ?? Latency;
}
