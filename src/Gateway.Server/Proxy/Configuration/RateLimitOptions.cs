namespace Gateway.Server.Proxy.Configuration;

/// <summary>One policy of section <c>Gateway:RateLimits</c>, which routes name as their <c>RateLimiterPolicy</c>. Each route has a limiter of its own.</summary>
/// <remarks>At least one of <see cref="Requests"/> and <see cref="Concurrency"/> is set.</remarks>
public sealed record RateLimitOptions
{
    /// <summary>Requests a <see cref="Window"/>, 1 to 1,000,000; null for any rate.</summary>
    public int? Requests { get; init; }

    /// <summary>What <see cref="Requests"/> are counted over: 0.1 s to 1 h. The allowance comes back evenly, ten times a window.</summary>
    public TimeSpan Window { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Requests that may come at once after a quiet time, at least <see cref="Requests"/>; null for as many as those.</summary>
    public int? Burst { get; init; }

    /// <summary>Requests under way at once, 1 to 100,000; null for any number.</summary>
    public int? Concurrency { get; init; }

    /// <summary>Requests that wait, first come first served, while <see cref="Concurrency"/> are under way: 0 to 100,000. Those beyond are refused.</summary>
    public int Queue { get; init; }
}
