namespace Gateway.TestSupport.Simulation.Fleets;

/// <summary>A client's request.</summary>
/// <param name="key">What it asks; -1 for what nobody else does.</param>
internal sealed class FleetRequest(int door, long arrivedAt, long deadline, int retriesLeft, int key = -1)
{
    /// <summary>The replica that it came to.</summary>
    public int Door { get; } = door;

    public long ArrivedAt { get; } = arrivedAt;

    public long Deadline { get; } = deadline;

    public int RetriesLeft { get; } = retriesLeft;

    public int Key { get; } = key;

    public int Attempt { get; set; }

    /// <summary>Where it has been: a bit each.</summary>
    public ulong Tried { get; set; }

    public int Sends { get; set; }

    /// <summary>Whether it was sent to a replica that did not answer, or not in time.</summary>
    public bool HasFailed { get; set; }
}
