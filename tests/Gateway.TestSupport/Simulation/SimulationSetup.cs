namespace Gateway.TestSupport.Simulation;

/// <summary>What is simulated.</summary>
/// <param name="Load">Offered rows over what all instances can do.</param>
public sealed record SimulationSetup(SimulatedModel Model, double Load)
{
    public int Seed { get; init; } = 1;

    public int Requests { get; init; } = 20_000;

    public int Instances { get; init; } = 1;

    /// <summary>Instances of further groups, one of each: what the same model takes there. Of as many rows at most as the first.</summary>
    public IReadOnlyList<SimulatedModel> Further { get; init; } = [];

    /// <summary>What all instances together can do, rows a nanosecond.</summary>
    public double Capacity => (Model.Capacity * Instances) + Further.Sum(each => each.Capacity);

    /// <summary>Requests by share, time to answer (in nanoseconds; 0 for none), rows and priority.</summary>
    public IReadOnlyList<RequestClass> Classes { get; init; } = [new RequestClass(1, 0)];

    /// <summary>Bursts instead of a steady stream: a quarter of the time at 2.5 times the mean rate.</summary>
    public bool IsBursty { get; init; }

    /// <summary>Logarithmic standard deviation of batch times, around their mean.</summary>
    public double Noise { get; init; }

    /// <summary>Share of batches that take twenty times as long.</summary>
    public double Stalls { get; init; }

    /// <summary>What the profile says over what is true.</summary>
    public double ProfileFactor { get; init; } = 1;

    /// <summary>Likewise, by the rows of a batch; null for the same for all.</summary>
    public Func<int, double>? ProfileShape { get; init; }

    /// <summary>Whether the model was profiled at all.</summary>
    public bool HasProfile { get; init; } = true;

    /// <summary>Elements of the rows that it was profiled with.</summary>
    public long ProfiledElements { get; init; } = 1;

    /// <summary>Whether the policy is told of rows' sizes, and not only that they share no batch: without, one curve is learned for all.</summary>
    public bool KnowsShapes { get; init; } = true;

    /// <summary>Attempts after a refusal, each a quarter to half of the time to answer later.</summary>
    public int Retries { get; init; }

    /// <summary>Factor on the load by time, from 0 at the begin to 1 at the end; null for a steady load.</summary>
    public Func<double, double>? LoadOverTime { get; init; }

    /// <summary>Factor on the time of batches, likewise.</summary>
    public Func<double, double>? SlownessOverTime { get; init; }
}
