namespace Gateway.TestSupport.Simulation.Fleets;

/// <summary>A fleet, what it is offered and what happens to it. Times in microseconds, from a start that is not counted.</summary>
/// <param name="Nodes">Replicas, 2 to 64.</param>
/// <param name="Load">Offered, as a share of what all of them can do together.</param>
public sealed record FleetSetup(int Nodes, double Load)
{
    public const long Second = 1_000_000;

    public ServerModel Server { get; init; } = ServerModel.Batching;

    public RoutingKind Routing { get; init; } = RoutingKind.Overflow;

    /// <summary>Whether a third of the replicas gets four fifths of the requests.</summary>
    public bool IsSkewed { get; init; }

    /// <summary>Whether each replica has four times its mean for 200 ms, then a quarter for 800 ms, on average.</summary>
    public bool IsBursty { get; init; }

    public long Deadline { get; init; } = 100_000;

    public long Poll { get; init; } = 100_000;

    /// <summary>Until this it is not counted.</summary>
    public long WarmUp { get; init; } = Second / 2;

    /// <summary>What is counted.</summary>
    public long Time { get; init; } = Second;

    public int Seed { get; init; } = 1;

    /// <summary>Whether the first replica is always five times slower.</summary>
    public bool HasSlowNode { get; init; }

    /// <summary>How often a client that is refused asks again, at once.</summary>
    public int ClientRetries { get; init; }

    /// <summary>When the load is <see cref="PulseLoad"/> instead.</summary>
    public long PulseFrom { get; init; }

    public long PulseUntil { get; init; }

    public double PulseLoad { get; init; }

    /// <summary>Time after which a replica that does not answer gets no more requests from clients.</summary>
    public long DetectionTime { get; init; } = Second;

    public IReadOnlyList<FleetFault> Faults { get; init; } = [];

    /// <summary>Different requests, of Zipf's popularity with an exponent of 0.99; 0 where none comes twice.</summary>
    public int Keys { get; init; }

    /// <summary>Answers that a replica keeps, the least recently used going first; a tenth of the place is for those of others.</summary>
    public int Kept { get; init; }

    /// <summary>Whether each answer is to be kept by one replica.</summary>
    public bool HasAffinity { get; init; }

    public long End => WarmUp + Time;

    /// <summary>Requests a second that all can do together.</summary>
    public double Capacity => Server.RowsPerSecond * (HasSlowNode ? Nodes - 0.8 : Nodes);

    /// <summary>The share of the requests that come to a replica.</summary>
    public double ShareOf(int node)
    {
        if (!IsSkewed) return 1.0 / Nodes;
        int hot = Math.Max(1, Nodes / 3);
        return node < hot ? 0.8 / hot : 0.2 / (Nodes - hot);
    }
}
