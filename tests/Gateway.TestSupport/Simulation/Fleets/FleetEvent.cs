namespace Gateway.TestSupport.Simulation.Fleets;

/// <summary>Something that happens at one replica.</summary>
/// <param name="Node">Whose it is: it waits while that one stands still.</param>
/// <param name="Boot">The start of the replica that it is of; of a poll, not 0 for one out of turn.</param>
internal readonly record struct FleetEvent(FleetEventKind Kind, int Node, int Number = 0, int Boot = 0, FleetRequest? Request = null, FleetSend? Send = null);
