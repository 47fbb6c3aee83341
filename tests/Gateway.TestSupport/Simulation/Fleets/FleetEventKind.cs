namespace Gateway.TestSupport.Simulation.Fleets;

internal enum FleetEventKind
{
    /// <summary>A client sends a request; the number is that of the rate's change.</summary>
    Arrival,

    /// <summary>The request is there.</summary>
    Door,

    /// <summary>A forwarded request is there.</summary>
    Hop,

    /// <summary>Its answer is back.</summary>
    Back,

    HopTimeout,

    /// <summary>A batch has been run; the number is its lane.</summary>
    BatchEnd,

    /// <summary>A replica asks another, the number, for its report.</summary>
    Poll,

    /// <summary>A burst begins or ends.</summary>
    Burst,

    /// <summary>All rates change.</summary>
    Pulse,

    /// <summary>The number is the fault's.</summary>
    FaultBegin,
    FaultEnd,

    /// <summary>A replica that drains is gone, or one that was restarted is as fast as ever.</summary>
    FaultStep,

    /// <summary>Clients' requests come to the replica no more.</summary>
    OutOfService,
    InService,
}
