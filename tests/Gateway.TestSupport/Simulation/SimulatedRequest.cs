using Gateway.Core.Scheduling;

namespace Gateway.TestSupport.Simulation;

/// <summary>A request of the simulation.</summary>
public sealed class SimulatedRequest : QueueEntry
{
    public required RequestClass Class { get; init; }

    public required int ClassIndex { get; init; }

    /// <summary>Attempts made before this one.</summary>
    public int Attempt { get; init; }

    /// <summary>When the first attempt came.</summary>
    public double FirstArrival { get; init; }
}
