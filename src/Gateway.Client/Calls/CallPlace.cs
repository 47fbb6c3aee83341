namespace Gateway.Client.Calls;

/// <summary>Where a connection keeps a call.</summary>
internal enum CallPlace
{
    None,

    /// <summary>In the queue for a place in the window.</summary>
    Waiting,

    /// <summary>In the window: it has a number and has been written.</summary>
    InFlight,
}
