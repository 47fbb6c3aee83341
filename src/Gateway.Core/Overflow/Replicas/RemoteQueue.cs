using Gateway.Core.Overflow.Reports;

namespace Gateway.Core.Overflow.Replicas;

/// <summary>One model's queue at one replica, as it is known here: its last report, and own requests that the report does not know of.</summary>
/// <remarks><b>Threading</b>: any. <b>Cost</b>: reads; a report is an object.</remarks>
public sealed class RemoteQueue
{
    private const int Smoothing = 8;
    private const long MostObserved = 3_600_000_000;

    private Known? _known;
    private int _sentSince;
    private int _inFlight;
    private long _observed;

    // What it takes by its last refusal, until the next report knows of it; 0 for none.
    private long _refusedFor;

    /// <summary>Null until there is one.</summary>
    public LoadReport? Report => Volatile.Read(ref _known)?.Report;

    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Whether nobody has compared the model there with the one of that name here, as that was not served yet: who asks for the one here does not get the one there.</summary>
    public bool IsUncompared { get; set; }

    /// <summary>Takes a report over, unless a newer one is there.</summary>
    /// <param name="now">When it came, in microseconds.</param>
    /// <returns>Whether it was the newest.</returns>
    public bool Receive(LoadReport report, long now)
    {
        Known known = new(report, now);
        while (true)
        {
            Known? before = Volatile.Read(ref _known);
            if (before is not null && !report.IsNewerThan(before.Report)) return false;
            if (ReferenceEquals(Interlocked.CompareExchange(ref _known, known, before), before)) break;
        }

        Volatile.Write(ref _sentSince, 0);
        Volatile.Write(ref _refusedFor, 0);
        return true;
    }

    /// <summary>How long answers took of late, in microseconds, the way there and back included; 0 before the first.</summary>
    public long Observed => Volatile.Read(ref _observed);

    /// <summary>An answer has taken so long, in microseconds.</summary>
    public void Observe(long microseconds)
    {
        long before = Observed;
        Volatile.Write(ref _observed, before == 0 ? Math.Max(1, microseconds) : Math.Max(1, before + ((microseconds - before) / Smoothing)));
    }

    /// <summary>There was no answer for so long, in microseconds: it takes longer, and twice what it was thought to take at least.</summary>
    public void ObserveTimeOut(long microseconds) => Volatile.Write(ref _observed, Math.Min(MostObserved, 2 * Math.Max(Observed, Math.Max(1, microseconds))));

    /// <summary>It has refused, and says nothing of its load: it takes twice at least what it was thought to take, from now on. Those that it was sent together count once.</summary>
    /// <param name="before">What it was thought to take when it was sent the request, in microseconds.</param>
    public void ObserveRefusal(long before)
    {
        long twice = Math.Min(MostObserved, 2 * Math.Max(1, before));
        if (Observed < twice) Volatile.Write(ref _observed, twice);
        Volatile.Write(ref _refusedFor, Observed);
    }

    /// <summary>How long answers took says less and less.</summary>
    public void FadeObserved() => Volatile.Write(ref _observed, Observed / 2);

    /// <summary>A request is sent there.</summary>
    public void Begin()
    {
        Interlocked.Increment(ref _sentSince);
        Interlocked.Increment(ref _inFlight);
    }

    /// <summary>A request that was sent there is over.</summary>
    public void End() => Interlocked.Decrement(ref _inFlight);

    /// <remarks>
    /// A report cannot know of what was sent since. Neither does it know of requests that are there beyond those it counts: so what a replica takes and does not answer counts against it,
    /// however idle it says it is.
    /// </remarks>
    /// <param name="now">Microseconds.</param>
    public OverflowCandidate ToCandidate(long now, bool isAdmitted, bool isTried, int weight, bool isNear)
    {
        if (Volatile.Read(ref _known) is not { } known) return new OverflowCandidate(ReplicaState.Starting, 0, 0, OverflowQuestion.Never, 0, isAdmitted, isTried, weight, isNear);
        LoadReport report = known.Report;
        int inFlight = InFlight;
        int unreported = Math.Min(inFlight, Math.Max(Volatile.Read(ref _sentSince), inFlight - report.QueuedRequests - report.RequestsInService));
        long completion = Math.Max(report.CompletionMicroseconds, Volatile.Read(ref _refusedFor));
        return new OverflowCandidate(report.State, completion, report.RowNanoseconds, now - known.At, unreported, isAdmitted, isTried, weight, isNear);
    }

    private sealed record Known(LoadReport Report, long At);
}
