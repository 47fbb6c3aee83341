namespace Gateway.Core.Scheduling;

/// <summary>All that a batch former may look at.</summary>
/// <param name="queue">What waits.</param>
/// <param name="latency">What a run of so many rows takes on the instance that is decided for, or would be free for an arrival.</param>
/// <param name="instances">State of every instance of the model.</param>
/// <param name="now">Timestamp of the decision.</param>
/// <param name="isDraining">No request will come any more: nothing is worth waiting for.</param>
/// <param name="shapeClass">Of the requests that are looked at; <see cref="AnyShape"/> where it is not known, or they are of several.</param>
public readonly ref struct SchedulingView(
    RequestQueue queue, LatencyModel latency, ReadOnlySpan<InstanceView> instances, long now, bool isDraining, int shapeClass = SchedulingView.AnyShape)
{
    /// <summary>Stands for the shapes of late, whatever they are.</summary>
    public const int AnyShape = -1;

    public RequestQueue Queue { get; } = queue;

    public LatencyModel Latency { get; } = latency;

    public ReadOnlySpan<InstanceView> Instances { get; } = instances;

    public long Now { get; } = now;

    public bool IsDraining { get; } = isDraining;

    /// <summary>The shape class (<see cref="ShapeClasses"/>) whose runs are asked for.</summary>
    public int ShapeClass { get; } = shapeClass;

    /// <summary>How many times as long its runs take as the curve of <see cref="Latency"/> says.</summary>
    public double Factor { get; } = FactorOf(latency, shapeClass);

    /// <summary>Whether runs take as long on one instance as on another, as far as is known: there is one instance group.</summary>
    public bool AreAlike => Instances.Length < 2 || Instances[0].Latency is null;

    /// <summary>The same, for an instance of another group.</summary>
    public SchedulingView For(LatencyModel latency) => new(Queue, latency, Instances, Now, IsDraining, ShapeClass);

    /// <summary>The same, for requests of a shape class.</summary>
    public SchedulingView Of(int shapeClass) => new(Queue, Latency, Instances, Now, IsDraining, shapeClass);

    /// <summary>What runs take on an instance.</summary>
    public LatencyModel LatencyOf(in InstanceView instance) => instance.Latency ?? Latency;

    /// <summary>The factor of the shape class on instances of another group.</summary>
    public double FactorOf(LatencyModel latency) => FactorOf(latency, ShapeClass);

    private static double FactorOf(LatencyModel latency, int shapeClass) => shapeClass == AnyShape ? latency.Shapes.Usual : latency.Shapes.Of(shapeClass);
}
