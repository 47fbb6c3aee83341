using Gateway.Core.Requests;

namespace Gateway.Core.Scheduling;

/// <summary>Tells endpoints whom to turn away before they read more than a request's head: what the batch former last foresaw, noted down where any thread can look.</summary>
/// <remarks>
/// <b>Threading</b>: <see cref="TurnsAway"/> from any thread, without a lock: it may be one event behind. The rest under the batcher's lock.
/// <b>Cost</b>: three reads and a clock for a request; no allocation.
/// </remarks>
internal sealed class AdmissionGate(TimeProvider time)
{
    // Of its time that a request may have lain unread, where those of late have on average for half of that. What comes in order is read in order: without a limit all
    // would be read when their time is nearly over, and answered late. A hiccup, which leaves time enough for those behind it, does not move the average of so many.
    private const double MostUnread = 0.5;
    private const double UnreadWeight = 1 / 1024d;

    // The share of their time for which requests of late have lain unread.
    private double _unread;

    // When a request of one row would be finished that goes first, and one that goes last; 0 where nothing can be said.
    private long _firstEnd;
    private long _lastEnd;

    // The latest deadline of what came since nothing waited.
    private long _latestDue;

    /// <summary>Whether a request that comes now and has so much time would be refused, of however few rows it is.</summary>
    /// <param name="timeout">Ticks, above 0.</param>
    /// <param name="waited">Ticks of them for which it has lain unread.</param>
    /// <param name="portion">How much of what waits is served before it, between 0 and 1: less than all for a tenant whose turn comes before others'.</param>
    public bool TurnsAway(long timeout, long waited, double portion, out EarlyRefusal refusal)
    {
        refusal = default;
        long now = time.GetTimestamp();
        if (IsReadTooLate(timeout, waited))
        {
            refusal = new EarlyRefusal(new RefusalText(RefusalReason.DeadlineBehindQueue, ToMicroseconds(2 * waited), ToMicroseconds(timeout)), time.GetElapsedTime(0, waited));
            return true;
        }

        if (Volatile.Read(ref _firstEnd) is not (> 0 and long firstEnd)) return false;
        long due = now + timeout - waited;

        // What has a later deadline is served after it: what is predicted behind all is not what it would meet.
        bool isLast = due >= Volatile.Read(ref _latestDue);
        long end = isLast ? firstEnd + (long)((Volatile.Read(ref _lastEnd) - firstEnd) * portion) : firstEnd;
        if (due < now || end <= due) return false;
        RefusalReason reason = firstEnd > due ? RefusalReason.DeadlineUnreachable : RefusalReason.DeadlineBehindQueue;
        refusal = new EarlyRefusal(new RefusalText(reason, Refusals.Microseconds(time, now, end), Refusals.Microseconds(time, now, due)), time.GetElapsedTime(due, end));
        return true;
    }

    /// <summary>Whether it has lain unread for too long, as others have.</summary>
    private bool IsReadTooLate(long timeout, long waited)
    {
        // Not exact where several threads are here, which an average need not be.
        double share = Math.Min(1, waited / (double)timeout);
        double average = Volatile.Read(ref _unread);
        Volatile.Write(ref _unread, average += UnreadWeight * (share - average));
        return share > MostUnread && average > MostUnread / 2;
    }

    private long ToMicroseconds(long ticks) => (long)time.GetElapsedTime(0, ticks).TotalMicroseconds;

    /// <summary>A request was let in.</summary>
    public void Saw(InferenceRequest request) => Volatile.Write(ref _latestDue, Math.Max(_latestDue, request.DueAt));

    /// <summary>Nothing waits any more.</summary>
    public void Forget() => Volatile.Write(ref _latestDue, 0);

    public void NoteDown(in Outlook outlook)
    {
        Volatile.Write(ref _firstEnd, outlook.First);
        Volatile.Write(ref _lastEnd, outlook.Last);
    }
}
