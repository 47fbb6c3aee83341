namespace Gateway.Core.Caching;

/// <summary>What the cache did for a request.</summary>
public enum CacheOutcome
{
    /// <summary>The model has none, or it is off.</summary>
    None,

    /// <summary>Answered from it.</summary>
    Hit,

    /// <summary>Run.</summary>
    Miss,

    /// <summary>Answered by the run of another that asked the same at the same time.</summary>
    Joined,

    /// <summary>Run because the client asked for that, and kept.</summary>
    Refreshed,

    /// <summary>Run because the client wanted no cache.</summary>
    Bypassed,
}
