namespace Gateway.Client;

/// <summary>What a request wants of the server's response cache.</summary>
public enum CacheDirective
{
    /// <summary>To be answered from it where it can be, and else kept there.</summary>
    Use,

    /// <summary>Likewise, and kept though the cache is full and it was not asked for before: for those who fill it.</summary>
    Keep,

    /// <summary>To be run, whatever is kept; the answer takes its place.</summary>
    Refresh,

    /// <summary>To be answered from it where it can be, and else not kept.</summary>
    NoStore,

    /// <summary>To be run and not kept, as if there were no cache.</summary>
    Bypass,

    /// <summary>To be answered from it, or from another's run of the same that is under way, and else refused (<see cref="Protocol.StatusCode.NotCached"/>), as it always is by a model without a cache.</summary>
    OnlyIfCached,
}
