using Gateway.Core.Overflow;

namespace Gateway.TestSupport.Simulation.Fleets;

/// <summary>A replica's queue, the lanes that serve it in order, and what it predicts of itself.</summary>
internal sealed class FleetServer(ServerModel model)
{
    public const int MostQueued = 4096;

    private const double Learning = 0.3;
    private const double RateTime = 50_000;

    private readonly Queue<Waiting> _queue = new();
    private readonly Lane[] _lanes = [.. Enumerable.Range(0, model.Lanes).Select(_ => new Lane())];
    private double _recent;
    private long _recentAt;

    /// <summary>How much longer a batch takes than the model says.</summary>
    public double Slowness { get; set; } = 1;

    /// <summary>The same as it is learnt from the batches that were run.</summary>
    public double Pace { get; private set; } = 1;

    public int Queued => _queue.Count;

    public int Running => _lanes.Sum(lane => lane.Batch.Count);

    /// <summary>Microseconds until one more would be answered.</summary>
    /// <remarks>What its batch will have in it counts those that will come while it waits; a batch that is overdue is taken to be so for as long again.</remarks>
    public long Predict(long now)
    {
        Span<long> free = stackalloc long[_lanes.Length];
        for (int i = 0; i < free.Length; i++) free[i] = _lanes[i].IsBusy ? Math.Abs(_lanes[i].ExpectedEnd - now) : 0;
        if (free.Length > 1) free.Sort();
        int ahead = _queue.Count / model.MostRows;
        long wait = free[ahead % free.Length] + (long)(ahead / free.Length * Pace * model.Time(model.MostRows));
        int joining = (int)Math.Min(model.MostRows, RecentAt(now) / RateTime * wait);
        return wait + (long)(Pace * model.Time(Math.Min(model.MostRows, (_queue.Count % model.MostRows) + 1 + joining)));
    }

    public void Enqueue(FleetRequest request, FleetSend? send, long now)
    {
        _recent = RecentAt(now) + 1;
        _recentAt = now;
        _queue.Enqueue(new Waiting(request, send));
    }

    /// <summary>Starts a batch, if a lane is idle and something waits.</summary>
    /// <param name="dropped">Told of what nobody waits for any more, or could not be in time.</param>
    /// <returns>The lane and when it ends; -1 if there is none to start.</returns>
    public (int Lane, long End) Start(long now, Action<Waiting> dropped)
    {
        int idle = Array.FindIndex(_lanes, lane => !lane.IsBusy);
        if (idle < 0) return (-1, 0);
        int rows = Drop(now, dropped);
        if (rows == 0) return (-1, 0);
        Lane lane = _lanes[idle];
        for (int i = 0; i < rows && _queue.TryDequeue(out Waiting next); i++) lane.Batch.Add(next);
        lane.StartedAt = now;
        lane.ExpectedEnd = now + (long)(Pace * model.Time(rows));
        return (idle, now + (long)(Slowness * model.Time(rows)));
    }

    /// <summary>A lane has finished.</summary>
    /// <param name="into">Gets what it had.</param>
    public void Finish(int lane, long now, List<Waiting> into)
    {
        Lane finished = _lanes[lane];
        Pace += Learning * (((double)(now - finished.StartedAt) / model.Time(finished.Batch.Count)) - Pace);
        into.AddRange(finished.Batch);
        finished.Batch.Clear();
    }

    /// <summary>Loses all that it holds.</summary>
    public void Clear(List<Waiting> into)
    {
        foreach (Lane lane in _lanes)
        {
            into.AddRange(lane.Batch);
            lane.Batch.Clear();
        }

        into.AddRange(_queue);
        _queue.Clear();
        Pace = 1;
    }

    /// <summary>Takes out what nobody waits for, and what cannot be in time.</summary>
    /// <returns>Rows of the next batch: no more than leave its oldest member time.</returns>
    private int Drop(long now, Action<Waiting> dropped)
    {
        while (_queue.TryPeek(out Waiting oldest))
        {
            long left = oldest.Request.Deadline - now;
            int rows = Math.Min(model.MostRows, _queue.Count);
            int least = Math.Max(1, rows / 4);
            if (oldest.Send is not { IsOver: true } && Pace * model.Time(least) <= left)
            {
                double most = ((OverflowPolicy.DeadlineMargin * left / Pace) - model.Fixed) / model.Each;
                return (int)Math.Clamp(most, least, rows);
            }

            _queue.Dequeue();
            dropped(oldest);
        }

        return 0;
    }

    private double RecentAt(long now) => _recent * Math.Exp((_recentAt - now) / RateTime);

    internal readonly record struct Waiting(FleetRequest Request, FleetSend? Send);

    private sealed class Lane
    {
        public List<Waiting> Batch { get; } = [];

        public bool IsBusy => Batch.Count > 0;

        public long StartedAt { get; set; }

        public long ExpectedEnd { get; set; }
    }
}
