using Gateway.Core.Scheduling;

namespace Gateway.TestSupport.Simulation;

/// <summary>A request of the simulation.</summary>
public sealed class SimulatedRequest : QueueEntry
{
    public required RequestClass Class { get; init; }

    public required int ClassIndex { get; init; }

    /// <summary>Attempts made before this one.</summary>
    public int Attempt { get; init; }

    /// <summary>Batches under way that have rows of it.</summary>
    public int OpenParts { get; set; }

    /// <summary>Whether it was refused with rows of it in batches already.</summary>
    public bool IsAbandoned { get; set; }

    /// <summary>When the first attempt came.</summary>
    public double FirstArrival { get; init; }
}
