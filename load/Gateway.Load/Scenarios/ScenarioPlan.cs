using Gateway.Load.Carriers;
using Gateway.Load.Engine;

namespace Gateway.Load.Scenarios;

/// <summary>What a scenario is to do, whether it came from a file or from the command line.</summary>
internal sealed record ScenarioPlan
{
    public const double DefaultTolerance = 1e-3;
    public const int DefaultWindow = 256;

    /// <summary>The percentile that every report claims, whatever is asked of it.</summary>
    public const double LeastClaim = 0.99;

    /// <summary>HEAD and CONNECT are not among them: their answers have no bodies though their heads say so.</summary>
    public static IReadOnlyList<string> Methods { get; } = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

    public const double DefaultWarmUpSeconds = 2;

    // Enough to have a light model's batches full; each costs a server little.
    private const int DefaultConnections = 64;
    private const int DefaultMultiplexedConnections = 4;

    public required string Name { get; init; }

    public required TargetAddress Target { get; init; }

    public required ICarrier Carrier { get; init; }

    public required IReadOnlyList<StepPlan> Steps { get; init; }

    public required IReadOnlyList<LoadSimulation> Simulations { get; init; }

    /// <summary>At the start of the simulations; not counted.</summary>
    public double WarmUpSeconds { get; init; }

    /// <summary>Time that each request gives the server and itself, milliseconds; 0 for none.</summary>
    public double TimeoutMilliseconds { get; init; }

    /// <summary>When a call without an answer is given up.</summary>
    public double PatienceSeconds { get; init; } = 30;

    /// <summary>0 for the carrier's own choice.</summary>
    public int Connections { get; init; }

    /// <summary>Calls in flight on a connection that can have several.</summary>
    public int Window { get; init; } = DefaultWindow;

    /// <summary>Threads of the client, each with its part of the connections.</summary>
    public int Threads { get; init; } = 1;

    public RetryRule Retry { get; init; } = RetryRule.None;

    public bool Verify { get; init; }

    public double Tolerance { get; init; } = DefaultTolerance;

    /// <summary>Of when calls are due, and of which payload each carries.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Of the payloads themselves: apart, so that processes with seeds of their own ask for the same things.</summary>
    public int PayloadSeed { get; init; } = 1;

    /// <summary>Of HTTP, or gRPC's metadata; each <c>name: value</c>.</summary>
    public IReadOnlyList<string> Headers { get; init; } = [];

    public string? Token { get; init; }

    /// <summary>Of a plain target's requests; null for GET, or POST where there is a body.</summary>
    public string? Method { get; init; }

    /// <summary>Whether any certificate will do.</summary>
    public bool IsInsecure { get; init; }

    public IReadOnlyList<Threshold> Thresholds { get; init; } = [];

    /// <summary>The highest percentile that is claimed to be the server's: of a threshold, else <see cref="LeastClaim"/>. Not the largest value, which hangs on a single moment of the client's machine.</summary>
    public double Claim => Thresholds.Select(threshold => threshold.Percentile).Where(percentile => percentile < 1).Append(LeastClaim).Max();

    public double Seconds => Simulations.Sum(simulation => simulation.Seconds);

    /// <summary>Connections in all: in the closed model over HTTP at least one a copy, else copies would wait for each other.</summary>
    public int AllConnections
    {
        get
        {
            int copies = Carrier.IsMultiplexed ? 0 : Simulations.Max(simulation => simulation.Copies);
            int chosen = Connections > 0 ? Connections : Math.Max(copies, Carrier.IsMultiplexed ? DefaultMultiplexedConnections : DefaultConnections);
            return Math.Max(chosen, Threads);
        }
    }

    /// <summary>The highest rate that the simulations ask for; 0 when all are closed.</summary>
    public double HighestRate => Simulations.Max(simulation => simulation.HighestRate);
}
