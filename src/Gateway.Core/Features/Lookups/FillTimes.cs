using Gateway.Core.Scheduling;

namespace Gateway.Core.Features.Lookups;

/// <summary>Looks after requests that wait for rows from a disk when the time of one of them is over.</summary>
/// <remarks>
/// <b>Behaviour</b>: those that have got theirs are not taken out but passed over, a tenth of a second later at most. Where the process itself stood still, disks get another such round to answer in. <b>Threading</b>: any thread; requests are given up on the clock's, outside of the lock.
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
    private long _armedFor = QueueEntry.NoDeadline;
    private List<Waiting> _waiting = [];
    private List<Waiting> _others = [];

    public FillTimes(TimeProvider time)
    {
        _time = time;
        _round = (long)(Round.TotalSeconds * time.TimestampFrequency);
        _timer = new WakeTimer(time, OnDue);
    }

    /// <summary>Has a request given up at <paramref name="due"/>, unless it has got its rows by then.</summary>
    public void Watch(FeatureFill fill, long ticket, long due)
    {
        long now = _time.GetTimestamp();
        lock (_lock)
        {
            _waiting.Add(new Waiting(fill, ticket, due));
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
                if (!waiting.Fill.IsWaiting(waiting.Ticket)) continue;
                if (waiting.Due > now || stoodStill)
                {
                    next = Math.Min(next, waiting.Due);
                    _others.Add(waiting);
                }
                else
                {
                    (late ??= []).Add(waiting);
                }
            }

            (_waiting, _others) = (_others, _waiting);
            if (next != QueueEntry.NoDeadline) Arm(stoodStill ? now + _round : next, now);
        }

        foreach (Waiting waiting in late ?? []) waiting.Fill.GiveUp(waiting.Ticket);
    }

    private void Arm(long due, long now)
    {
        long next = Math.Min(due, now + _round);
        _armedFor = Math.Min(_armedFor, next);
        _timer.Arm(next, now);
    }

    private readonly record struct Waiting(FeatureFill Fill, long Ticket, long Due);
}
