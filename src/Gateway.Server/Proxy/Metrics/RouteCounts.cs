using Gateway.Core.Diagnostics;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Server.Proxy.Metrics;

/// <summary>What became of one route's requests.</summary>
/// <remarks><b>Threading</b>: any thread. <b>Cost</b>: a short lock a request.</remarks>
internal sealed class RouteCounts
{
    private const int FirstStatus = 100;
    private const int Statuses = 500;

    private readonly Lock _lock = new();
    private readonly long[] _statuses = new long[Statuses];
    private readonly long[] _errors = new long[Enum.GetValues<ForwarderError>().Max(error => (int)error) + 1];
    private readonly long[] _limited = new long[Enum.GetValues<LimitReason>().Length];
    private readonly DurationHistogram _durations = new();
    private long _responseBytes;
    private long _inFlight;
    private long _byModel;
    private long _byUpstream;

    public long InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Requests of a route with a model that its queue took.</summary>
    public long ByModel => Volatile.Read(ref _byModel);

    /// <summary>Requests of such a route that went to its cluster.</summary>
    public long ByUpstream => Volatile.Read(ref _byUpstream);

    public void Begin() => Interlocked.Increment(ref _inFlight);

    public void TakenByModel() => Interlocked.Increment(ref _byModel);

    public void TakenByUpstream() => Interlocked.Increment(ref _byUpstream);

    public void Limited(LimitReason reason) => Interlocked.Increment(ref _limited[(int)reason]);

    public void End(int status, long nanoseconds, ForwarderError error, long responseBytes)
    {
        Interlocked.Decrement(ref _inFlight);
        lock (_lock)
        {
            // A status that HTTP does not have is as good as the last.
            _statuses[Math.Clamp(status - FirstStatus, 0, Statuses - 1)]++;
            if (error != ForwarderError.None) _errors[(int)error]++;
            _responseBytes += responseBytes;
            _durations.Add(nanoseconds);
        }
    }

    public Snapshot Take()
    {
        lock (_lock)
        {
            return new Snapshot(
                [.. Enumerable.Range(0, Statuses).Where(i => _statuses[i] > 0).Select(i => (i + FirstStatus, _statuses[i]))],
                [.. Enum.GetValues<ForwarderError>().Where(error => _errors[(int)error] > 0).Select(error => (error, _errors[(int)error]))],
                [.. _limited],
                _durations.Counts.ToArray(),
                _durations.TotalNanoseconds,
                _responseBytes);
        }
    }

    /// <param name="Statuses">Those that were answered.</param>
    /// <param name="Errors">Those that there were.</param>
    /// <param name="Limited">By <see cref="LimitReason"/>.</param>
    /// <param name="Durations">Samples of each bucket of a <see cref="DurationHistogram"/>.</param>
    public sealed record Snapshot((int Status, long Count)[] Statuses, (ForwarderError Error, long Count)[] Errors, long[] Limited, long[] Durations, long TotalNanoseconds, long ResponseBytes);
}
