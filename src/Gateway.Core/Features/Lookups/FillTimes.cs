using Gateway.Core.Scheduling;

namespace Gateway.Core.Features.Lookups;

/// <summary>Looks after requests that wait for rows from a disk when the time of one of them is over.</summary>
/// <remarks>
/// <b>Behaviour</b>: those that have got theirs are not taken out but passed over, a tenth of a second later at most. Where the process itself stood still, disks get another such round to answer in;
/// a request whose disk answers others has time until its own deadline: its turn comes. <b>Threading</b>: any thread; requests are given up on the clock's, outside of the lock.
/// </remarks>
internal sealed class FillTimes : IDisposable
{
    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(100);

    // A timer that is later than so many rounds: the process was stopped, or starved.
    private const int MostRoundsLate = 5;

    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly WakeTimer _timer;
    private readonly long _round;
    private readonly long _silence;
    private long _armedFor = QueueEntry.NoDeadline;
    private List<Waiting> _waiting = [];
    private List<Waiting> _others = [];

    public FillTimes(TimeProvider time)
    {
        _time = time;
        _round = (long)(Round.TotalSeconds * time.TimestampFrequency);
        _silence = (long)(FeatureView.MostSilence.TotalSeconds * time.TimestampFrequency);
        _timer = new WakeTimer(time, OnDue);
    }

    /// <summary>Has a request given up at its deadline, or when the view's disk has been silent for too long, unless it has got its rows by then.</summary>
    public void Watch(IRowsWaiter waiter, long ticket, FeatureView view, long deadline)
    {
        long now = _time.GetTimestamp();
        long due = Math.Min(deadline, now + _silence);
        lock (_lock)
        {
            _waiting.Add(new Waiting(waiter, ticket, view, deadline, due));
            Arm(due, now);
        }
    }

    public void Dispose() => _timer.DisposeAsync().AsTask().Wait();

    private void OnDue()
    {
        long now = _time.GetTimestamp();
        long next = QueueEntry.NoDeadline;
        List<Waiting>? late = null;
        lock (_lock)
        {
            bool stoodStill = now - _armedFor > MostRoundsLate * _round;
            _armedFor = QueueEntry.NoDeadline;
            _timer.Clear();
            _others.Clear();
            foreach (Waiting waiting in _waiting)
            {
                if (!waiting.Waiter.IsWaiting(waiting.Ticket)) continue;
                if (waiting.Due <= now && !stoodStill && (waiting.Deadline <= now || waiting.View.IsSilent))
                {
                    (late ??= []).Add(waiting);
                    continue;
                }

                long due = waiting.Due > now ? waiting.Due : Math.Min(waiting.Deadline, now + _round);
                next = Math.Min(next, due);
                _others.Add(waiting with { Due = due });
            }

            (_waiting, _others) = (_others, _waiting);
            if (next != QueueEntry.NoDeadline) Arm(stoodStill ? now + _round : next, now);
        }

        foreach (Waiting waiting in late ?? []) waiting.Waiter.GiveUp(waiting.Ticket);
    }

    private void Arm(long due, long now)
    {
        long next = Math.Min(due, now + _round);
        _armedFor = Math.Min(_armedFor, next);
        _timer.Arm(next, now);
    }

    private readonly record struct Waiting(IRowsWaiter Waiter, long Ticket, FeatureView View, long Deadline, long Due);
}
