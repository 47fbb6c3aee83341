namespace Gateway.Server.Proxy.Metrics;

/// <summary>How the look-ups of one address ended.</summary>
internal sealed class ResolutionCounts
{
    private long _succeeded;
    private long _failed;

    public long Successes => Volatile.Read(ref _succeeded);

    public long Failures => Volatile.Read(ref _failed);

    public void Succeeded() => Interlocked.Increment(ref _succeeded);

    public void Failed() => Interlocked.Increment(ref _failed);
}
