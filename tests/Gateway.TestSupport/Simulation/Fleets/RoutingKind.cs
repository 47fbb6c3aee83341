namespace Gateway.TestSupport.Simulation.Fleets;

/// <summary>Who decides where a request goes that its own replica cannot answer in time.</summary>
public enum RoutingKind
{
    /// <summary>The code of the gateway.</summary>
    Overflow,

    /// <summary>The same rule with the true state of all replicas, at no delay.</summary>
    Oracle,

    /// <summary>It is refused.</summary>
    None,

    Random,

    RoundRobin,

    /// <summary>The one with the fewest own requests in flight, as YARP's LeastRequests.</summary>
    LeastRequests,

    /// <summary>The one with fewer own requests in flight of two that are drawn, as YARP's PowerOfTwoChoices.</summary>
    TwoChoices,
}
