namespace Gateway.Core.Caching;

/// <summary>What a request says of the cache; nothing is what most say.</summary>
[Flags]
public enum CacheUse
{
    /// <summary>Answered from the cache where it can be, and else kept there.</summary>
    Ordinary = 0,

    /// <summary>Run, whatever is kept; the answer takes the place of what is. HTTP's <c>no-cache</c>.</summary>
    Refresh = 1,

    /// <summary>The answer is not kept. HTTP's <c>no-store</c>.</summary>
    NoStore = 2,

    /// <summary>As if there were no cache.</summary>
    Bypass = Refresh | NoStore,

    /// <summary>As most, and its answer is kept though it was not asked for before and the cache is full: for those who fill it.</summary>
    Keep = 4,

    /// <summary>Not run: what is not kept, nor being made for another, is refused, and always so by a model without a cache (<see cref="Protocol.StatusCode.NotCached"/>). HTTP's <c>only-if-cached</c>.</summary>
    OnlyIfCached = 8,
}
