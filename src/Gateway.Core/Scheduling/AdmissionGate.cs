using System.Numerics;

namespace Gateway.Core.Scheduling;

/// <summary>Tells endpoints whom to turn away before they read more than a request's head: what the batch former last foresaw, noted down where any thread can look.</summary>
/// <remarks>
/// <para>
/// <b>Behaviour</b>: a request can be no sooner than one that goes before all, nor than what was foreseen for another that would be served before it: one of the same level or a higher, and
/// due no later. So for the last few times that clients have given their requests, level by level, it is noted down when one that came with it would be finished. Most clients give
/// always the same few; between two of them the shorter one tells.
/// </para>
/// <para>
/// A request's time runs from its arrival on the wire, so that less of it is left here: noted down is the end of one with as little left as any of late, which is due no later than the next with that time.
/// That never turns away too many: what waits before a request waits before all of its level that are due later too, and before all of lower levels, so they would be finished no sooner than it would; and
/// none is turned away by one that is due later than itself. For a lower level that is as of the last event: what higher ones brought of late counts a little less from then on.
/// </para>
/// <para>
/// <b>Threading</b>: <see cref="TurnsAway"/> from any thread, without a lock: it may be one event behind. The rest under the batcher's lock.
/// <b>Cost</b>: some reads and a clock for a request; a look at the queue a time and event, or a few in the time of a batch where requests are given many; no allocation.
/// </para>
/// </remarks>
internal sealed class AdmissionGate(TimeProvider time)
{
    // Of its time that a request may have lain unread, where those of late have on average for half of that. What comes in order is read in order: without a limit all
    // would be read when their time is nearly over, and answered late. A hiccup, which leaves time enough for those behind it, does not move the average of so many.
    private const double MostUnread = 0.5;
    private const double UnreadWeight = 1 / 1024d;

    // The share of their time for which requests of late have lain unread.
    private double _unread;

    // Two times are the same for this when they are within 3 %: the exponent and five bits.
    private const int KeptBits = 6;

    // Times of which each event is worth a look at the queue, and looks at all of them in the time of a batch. What is turned away is no event: those of an overload are of what gets in.
    private const int FewTimes = 2;
    private const int LooksABatch = 8;

    // Of its time that a request is taken to have left at least.
    private const double LeastLeft = 1 - MostUnread;

    // How fast what is left of a time comes back after a request that had less, of the difference with each that comes.
    private const int LeftShift = 6;

    private readonly Class[] _classes = new Class[16];
    private int _count;
    private int _oldest;
    private long _foreseenAt;
    private long _rowsThen;

    // When a request of one row would be finished that goes first, and one that goes last; 0 where nothing can be said.
    private long _firstEnd;
    private long _lastEnd;

    /// <summary>Whether a request that comes now and has so much time would be refused, of however few rows it is, and of whatever shape.</summary>
    /// <param name="timeout">Ticks, above 0.</param>
    /// <param name="waited">Ticks of them that have passed since it came.</param>
    /// <param name="isBeingRead">Whether it is being taken off the wire, so that those are no sign of how long what comes lies unread.</param>
    /// <param name="level">The highest that it may be of.</param>
    /// <param name="portion">How much of what waits is served before it at most, between 0 and 1: less than all for a tenant whose turn comes before others'.</param>
    public bool TurnsAway(long timeout, long waited, bool isBeingRead, int level, double portion, out EarlyRefusal refusal)
    {
        refusal = default;
        if (!isBeingRead && IsReadTooLate(timeout, waited))
        {
            refusal = new EarlyRefusal(new RefusalText(RefusalReason.DeadlineBehindQueue, ToMicroseconds(2 * waited), ToMicroseconds(timeout)), time.GetElapsedTime(0, waited));
            return true;
        }

        if (Volatile.Read(ref _firstEnd) is not (> 0 and long firstEnd)) return false;
        long now = time.GetTimestamp();
        long due = now + timeout - waited;
        if (due < now) return false;
        long end = Math.Max(firstEnd, EndBehind(due, level, out long rows));
        if (portion < 1)
        {
            end = Math.Min(end, firstEnd + (long)((Volatile.Read(ref _lastEnd) - firstEnd) * portion));
            rows = Math.Min(rows, (long)(Volatile.Read(ref _rowsThen) * portion));
        }

        if (firstEnd > due) end = firstEnd;
        else if (end <= due) return false;
        RefusalReason reason = firstEnd > due ? RefusalReason.DeadlineUnreachable : RefusalReason.DeadlineBehindQueue;
        refusal = new EarlyRefusal(new RefusalText(reason, Refusals.Microseconds(time, now - waited, end), ToMicroseconds(timeout), rows), time.GetElapsedTime(due, end));
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

    /// <summary>A request came.</summary>
    /// <param name="timeout">Ticks from its arrival to its deadline; above 0.</param>
    /// <param name="waited">Ticks of them that had passed when it was handed to its model.</param>
    public void Saw(int level, long timeout, long waited)
    {
        // One that had less is no measure for the others.
        long left = Math.Max(timeout - waited, (long)(LeastLeft * timeout));
        int shift = Math.Max(0, BitOperations.Log2((ulong)timeout) + 1 - KeptBits);
        long key = ((long)shift << KeptBits) | (timeout >> shift);
        for (int i = 0; i < _count; i++)
        {
            ref Class same = ref _classes[i];
            if (same.Key != key || same.Level != level) continue;
            same.Left = left < same.Left ? left : same.Left + ((left - same.Left) >> LeftShift);
            return;
        }

        bool isFull = _count == _classes.Length;
        int at = isFull ? _oldest : _count;
        Volatile.Write(ref _classes[at].End, 0);
        _classes[at].Key = key;
        Volatile.Write(ref _classes[at].Level, level);
        _classes[at].Left = left;

        if (isFull)
        {
            // One of many times waits for the next look at the queue: until then it turns nobody away.
            _oldest = (_oldest + 1) % _classes.Length;
            return;
        }

        Volatile.Write(ref _count, _count + 1);
        _foreseenAt = long.MinValue / 2;
    }

    /// <summary>Something has changed: takes note of what the batch former foresees now.</summary>
    /// <param name="batch">Ticks of a full batch.</param>
    /// <param name="batchRows">Rows of one.</param>
    public void NoteDown(IBatchFormer former, in SchedulingView view, long batch, int batchRows)
    {
        Outlook outlook = former.LookAhead(view);
        Volatile.Write(ref _firstEnd, outlook.First);
        Volatile.Write(ref _lastEnd, outlook.Last);
        if (outlook.First == 0) return;

        // What has come meanwhile would only turn more away; what has gone, fewer.
        long rows = view.Queue.Rows;
        if (_count > FewTimes && rows >= _rowsThen && rows - _rowsThen < batchRows && view.Now - _foreseenAt < batch / LooksABatch) return;
        _foreseenAt = view.Now;
        _rowsThen = rows;
        for (int i = 0; i < _count; i++)
        {
            ref Class each = ref _classes[i];
            long due = view.Now + each.Left;
            long ahead = 0;
            long end = rows == 0 || due < view.Now ? 0 : former.Foresee(view, each.Level, due, out ahead);
            Volatile.Write(ref each.RowsAhead, ahead);
            Volatile.Write(ref each.Due, due);
            Volatile.Write(ref each.End, end);
        }
    }

    /// <summary>When the last of those would be finished that are served before a request of a level and deadline; 0 where none is known.</summary>
    /// <param name="rows">Rows before that one: at least as many are before the request.</param>
    private long EndBehind(long due, int level, out long rows)
    {
        long latest = 0;
        rows = 0;
        int count = Volatile.Read(ref _count);
        for (int i = 0; i < count; i++)
        {
            ref Class each = ref _classes[i];
            long end = Volatile.Read(ref each.End);
            if (end <= latest) continue;
            int other = Volatile.Read(ref each.Level);
            if (other > level || (other == level && Volatile.Read(ref each.Due) > due)) continue;
            latest = end;
            rows = Volatile.Read(ref each.RowsAhead);
        }

        return latest;
    }

    /// <summary>Requests of one level that are given the same time.</summary>
    private struct Class
    {
        public long Key;
        public int Level;

        /// <summary>Ticks that the one of them had left when it came that had the least of late.</summary>
        public long Left;

        /// <summary>The deadline of one with so much left that came when this was last looked at.</summary>
        public long Due;

        /// <summary>When that one would be finished; 0 where nothing is known.</summary>
        public long End;

        /// <summary>Rows that were before it then.</summary>
        public long RowsAhead;
    }
}
