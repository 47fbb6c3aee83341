using Gateway.Load;
using Gateway.Load.Capacity;
using Gateway.Load.Machine;
using Gateway.Load.Results;
using Gateway.Load.Scenarios;
using Gateway.Load.Statistics;
using Gateway.TestSupport;
using Gateway.UnitTests.Load.Engine;

namespace Gateway.UnitTests.Load.Capacity;

/// <summary>A new server in virtual time for each stretch of load.</summary>
internal sealed class VirtualTrialLoad(Func<ManualTimeProvider, int, SimulatedServer> server) : ITrialLoad
{
    public VirtualTrialLoad(Func<ManualTimeProvider, SimulatedServer> server)
        : this((time, _) => server(time))
    {
    }

    private int _seed;

    /// <summary>Stretches run, in order.</summary>
    public List<LoadSimulation> Simulations { get; } = [];

    public List<double> WarmUps { get; } = [];

    public List<int> Connections { get; } = [];

    /// <summary>How often it was waited for.</summary>
    public int Settled { get; private set; }

    /// <summary>What becomes of a result, such as a client that is late.</summary>
    public Func<ScenarioResult, ScenarioResult> Seen { get; init; } = result => result;

    /// <summary>What the server's metrics say.</summary>
    public Func<ScenarioResult, ServerResult>? Metrics { get; init; }

    /// <summary>The server is gone after so many stretches.</summary>
    public int EndsAfter { get; init; } = int.MaxValue;

    /// <summary>Likewise, the search is stopped.</summary>
    public int StopsAfter { get; init; } = int.MaxValue;

    /// <summary>What the client does against nothing, by connections.</summary>
    public Func<int, double> Client { get; init; } = _ => 50_000;

    /// <summary>Who had the machine's CPUs, by the stretch's number from 0; such as others, who stop the server for a second.</summary>
    public Func<int, Interference?> Machine { get; init; } = _ => null;

    public double ClientRate(int connections) => Client(connections);

    public TrialLoadResult Run(LoadSimulation simulation, int connections, double warmUpSeconds, Func<IReadOnlyList<IntervalTally>, bool> isHopeless)
    {
        if (Simulations.Count >= EndsAfter) throw new LoadException(ExitCode.Partial, "the server closed the connection");
        if (Simulations.Count >= StopsAfter) throw new OperationCanceledException();
        Simulations.Add(simulation);
        Connections.Add(connections);
        WarmUps.Add(warmUpSeconds);
        ManualTimeProvider time = new();
        Interference? machine = Machine(Simulations.Count - 1);
        SimulatedServer queue = server(time, connections);
        if (machine is { IsDisturbed: true }) queue.Stall = (time.GetTimestamp() + (2 * time.TimestampFrequency), time.GetTimestamp() + (3 * time.TimestampFrequency));
        ScenarioResult result = Seen(VirtualLoad.Result(time, queue, simulation, warmUpSeconds, ++_seed));
        isHopeless([.. result.Intervals.Where(interval => interval.Index * result.IntervalSeconds >= warmUpSeconds)]);
        return new TrialLoadResult(result, Metrics?.Invoke(result), machine);
    }

    public void Settle(Objective objective) => Settled++;
}
