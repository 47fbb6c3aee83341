namespace Gateway.TestSupport.Simulation.Fleets;

/// <summary>What may happen to a replica.</summary>
public enum FaultKind
{
    /// <summary>It is gone with all that it holds, and connections to it are refused.</summary>
    Crash,

    /// <summary>It stands still, and goes on later.</summary>
    Freeze,

    /// <summary>It takes requests, says that it is idle, and answers none.</summary>
    BlackHole,

    /// <summary>It takes ten times as long.</summary>
    Slow,

    /// <summary>It drains for half a second, is gone for a second, and is half as slow again for its first two.</summary>
    Restart,
}
