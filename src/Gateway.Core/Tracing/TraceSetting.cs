namespace Gateway.Core.Tracing;

/// <summary>Settings that are in force, and how far they have come: which request is the next to be traced, and how many still are.</summary>
/// <param name="given">What is set; the rest of <paramref name="config"/> are the general settings.</param>
/// <remarks><b>Threading</b>: any. A change makes another one, as in Triton: traces under way keep theirs.</remarks>
internal sealed class TraceSetting(TraceOverrides given, TraceConfig config)
{
    private int _left = config.Count;
    private long _seen;

    public bool IsOn => config.HasTimestamps;

    /// <summary>The settings, with the count of what is left.</summary>
    public TraceConfig Config => config with { Count = Left };

    /// <summary>Likewise, what is set of them.</summary>
    public TraceOverrides Given => given.Count is null ? given : given with { Count = Left };

    private int Left => config.Count < 0 ? config.Count : Math.Max(0, Volatile.Read(ref _left));

    /// <summary>Whether the request that comes is to be traced.</summary>
    public bool Takes()
    {
        if (!config.HasTimestamps || Left == 0) return false;
        if (Interlocked.Increment(ref _seen) % config.Rate != 0) return false;
        return config.Count < 0 || Interlocked.Decrement(ref _left) >= 0;
    }
}
