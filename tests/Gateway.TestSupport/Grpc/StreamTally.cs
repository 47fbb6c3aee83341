using System.Collections.Concurrent;

namespace Gateway.TestSupport.Grpc;

/// <summary>What a <see cref="StreamStress"/> has seen. <b>Threading</b>: any.</summary>
public sealed class StreamTally
{
    private const int MostViolations = 20;

    private readonly ConcurrentQueue<string> _violations = [];
    private long _streams;
    private long _cancelled;
    private long _answers;
    private long _refusals;
    private long _lost;
    private long _expired;

    /// <summary>Calls that were opened, streams and others.</summary>
    public long Streams => Volatile.Read(ref _streams);

    /// <summary>Those of them that were cancelled.</summary>
    public long Cancelled => Volatile.Read(ref _cancelled);

    /// <summary>Right answers that arrived.</summary>
    public long Answers => Volatile.Read(ref _answers);

    /// <summary>Requests that were refused for want of room or time.</summary>
    public long Refusals => Volatile.Read(ref _refusals);

    /// <summary>Calls that ended with their connection, whatever ended that.</summary>
    public long Lost => Volatile.Read(ref _lost);

    /// <summary>Streams that ended because their time was over.</summary>
    public long Expired => Volatile.Read(ref _expired);

    public IReadOnlyCollection<string> Violations => _violations;

    public void CountStream() => Interlocked.Increment(ref _streams);

    public void CountCancelled() => Interlocked.Increment(ref _cancelled);

    public void CountAnswer() => Interlocked.Increment(ref _answers);

    public void CountRefusal() => Interlocked.Increment(ref _refusals);

    public void CountExpired() => Interlocked.Increment(ref _expired);

    public void CountLost() => Interlocked.Increment(ref _lost);

    public void Violate(string what)
    {
        if (_violations.Count < MostViolations) _violations.Enqueue(what);
    }

    public override string ToString() => $"{Streams} calls, {Cancelled} of them cancelled, {Expired} expired, {Answers} answers, {Refusals} refusals, {Lost} lost with their connection, {Violations.Count} violations";
}
