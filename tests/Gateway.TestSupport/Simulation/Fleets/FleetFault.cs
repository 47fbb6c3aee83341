namespace Gateway.TestSupport.Simulation.Fleets;

/// <summary>What happens to one replica, from when until when, in microseconds.</summary>
public sealed record FleetFault(FaultKind Kind, int Node, long From, long Until);
