namespace Gateway.Server.Proxy.Configuration;

/// <summary>When a destination is left alone for a while: one circuit for each destination.</summary>
/// <remarks>Failures are connections that break or cannot be made, time-outs, responses that are not HTTP, and statuses of 500 and above.</remarks>
public sealed record CircuitOptions
{
    /// <summary>Failures of all attempts at which the circuit opens: above 0, to 1.</summary>
    public double FailureRatio { get; init; } = 0.5;

    /// <summary>Attempts in a <see cref="SamplingDuration"/> below which it stays closed: at least 2.</summary>
    public int MinimumThroughput { get; init; } = 10;

    /// <summary>What the ratio is taken over: at least 0.5 s.</summary>
    public TimeSpan SamplingDuration { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long it stays open until one request may try: at least 0.5 s.</summary>
    public TimeSpan BreakDuration { get; init; } = TimeSpan.FromSeconds(5);
}
