namespace Gateway.Load.Scenarios;

/// <summary>How arrivals of one rate lie in time.</summary>
internal enum ArrivalKind
{
    /// <summary>At random, independent of each other: what many clients that do not know each other make.</summary>
    Poisson,

    /// <summary>Evenly.</summary>
    Constant,

    /// <summary>Several at the same moment; the moments are at random.</summary>
    Burst,
}
