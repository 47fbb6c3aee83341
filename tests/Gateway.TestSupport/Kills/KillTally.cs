using System.Collections.Concurrent;

namespace Gateway.TestSupport.Kills;

/// <summary>What a <see cref="KillRun"/> saw.</summary>
/// <remarks><b>Threading</b>: any.</remarks>
public sealed class KillTally
{
    // As many as anybody reads.
    private const int MostViolations = 20;

    private readonly ConcurrentQueue<string> _violations = new();
    private long _answers;
    private long _hits;
    private long _inherited;
    private long _lastDeletion = DateTimeOffset.MinValue.UtcTicks;
    private int _deletions;
    private int _starts;

    public IReadOnlyCollection<string> Violations => _violations;

    /// <summary>Answers, each of which was looked at.</summary>
    public long Answers => Volatile.Read(ref _answers);

    public long Hits => Volatile.Read(ref _hits);

    /// <summary>Hits on what nobody had asked for since the start: answers of an earlier life.</summary>
    public long Inherited => Volatile.Read(ref _inherited);

    public int Starts => Volatile.Read(ref _starts);

    /// <summary>When the last of all deletions that were answered, in whatever life, was asked for.</summary>
    public DateTimeOffset LastDeletion => new(Volatile.Read(ref _lastDeletion), TimeSpan.Zero);

    /// <summary>A deletion has been answered.</summary>
    /// <param name="asked">When it was asked for.</param>
    public void Deleted(DateTimeOffset asked)
    {
        Interlocked.Increment(ref _deletions);
        for (long last = Volatile.Read(ref _lastDeletion); last < asked.UtcTicks; last = Volatile.Read(ref _lastDeletion))
        {
            if (Interlocked.CompareExchange(ref _lastDeletion, asked.UtcTicks, last) == last) return;
        }
    }

    public void CountStart() => Interlocked.Increment(ref _starts);

    public void CountAnswer(bool isHit, bool isInherited)
    {
        Interlocked.Increment(ref _answers);
        if (isHit) Interlocked.Increment(ref _hits);
        if (isInherited) Interlocked.Increment(ref _inherited);
    }

    public void Violate(string what)
    {
        if (_violations.Count < MostViolations) _violations.Enqueue(what);
    }

    public override string ToString() => $"{Starts} starts, {Answers} answers, {Hits} hits, {Inherited} of them of an earlier life, {_deletions} deletions";
}
