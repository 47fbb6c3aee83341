namespace Gateway.Harness.Load;

/// <summary>What one stretch of load came to.</summary>
/// <param name="Answered">All requests, each answered with status 200 and the right length.</param>
/// <param name="Counted">Those answered in the stretch that counts, after the lead-in.</param>
/// <param name="Seconds">How long that was.</param>
/// <param name="P50Microseconds">Median latency.</param>
/// <param name="P99Microseconds">99th percentile.</param>
/// <param name="ClientBusy">CPU time of the client over the time that passed: near 1, the client and not the server was the limit.</param>
/// <param name="ServerBusy">CPU time of the server over the time that passed.</param>
internal sealed record LoadResult(
    long Answered, long Counted, double Seconds, double P50Microseconds, double P99Microseconds, double ClientBusy, double ServerBusy)
{
    public double PerSecond => Seconds > 0 ? Counted / Seconds : 0;
}
