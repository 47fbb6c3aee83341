namespace Gateway.Load.Scenarios;

/// <summary>What a stretch of load is made of, in NBomber's words.</summary>
internal enum SimulationKind
{
    /// <summary>Open: arrivals at one rate.</summary>
    Inject,

    /// <summary>Open: each interval has a rate of its own, drawn between two.</summary>
    InjectRandom,

    /// <summary>Open: from the rate before to another, evenly.</summary>
    RampingInject,

    /// <summary>Closed: so many copies at a time, each beginning again as soon as it is done.</summary>
    KeepConstant,

    /// <summary>Closed: from as many copies as before to another number, evenly.</summary>
    RampingConstant,

    /// <summary>Nothing.</summary>
    Pause,

    /// <summary>Open: arrivals at the times that a trace has.</summary>
    Replay,
}
