namespace Gateway.Core.Scheduling;

/// <summary>The default policy: as many requests within their deadlines as the instances can do, and the others refused as soon as that is known.</summary>
/// <remarks>
/// <para>
/// <b>Behaviour</b>: "two-plan earliest deadline first", from the simulation that chose it. Batches are no larger than the size that makes the most rows a second
/// (<see cref="LatencyModel.BestBatchRows"/>), and none waits for company. In order of deadlines the next batch is the longest run of requests that all can still be
/// finished in time (plan A). Served so alone, heads with hardly any time left would force batches of one, and a device that lives from batching would do next to nothing:
/// so where plan A would lose requests, or the queue has been under pressure, and leaving out the first heads makes a batch that does more rows a second, that one is run (plan B).
/// </para>
/// <para>
/// A request is admitted when it would be finished by its deadline behind all that is served before it, the last batch before it taken for a full one, with a margin
/// for how far batches are from what is expected of them. Requests without a deadline are always admitted; the queue's bounds hold for them.
/// </para>
/// <para>
/// While several tenants have more waiting than the next batch holds, it is their weights that decide whose request goes next (<see cref="FairPick"/>), and deadlines which of its
/// own; a tenant's request is then admitted by what its tenant has waiting and by its part of the rows.
/// </para>
/// <para><b>Cost</b>: O(log n) to admit; O(rows of a batch) to decide, however many wait.</para>
/// </remarks>
internal sealed class DeadlineBatchFormer(BatchingPolicy policy, TimeProvider time) : IBatchFormer
{
    // From the simulation. A batch is as good as full at 95 % of the best size; plan B must be 2 % faster; six batches are enough to see what plan A loses; pressure is
    // felt for four batches.
    private const double AsGoodAsFull = 0.95;
    private const double MustBeFaster = 1.02;
    private const int BatchesAhead = 6;
    private const int PressureBatches = 4;

    // One is kept when a batch is made larger by another request. The simulation had none there; with it half as many rows are run for nothing and none of its goals is
    // worse off (2026-11-25: at a deviation of 5 %, 200 and 300 % load, at most 0.3 % instead of 0.9 % of the rows are late; goodput 0.99 to 1.00).
    private const double BatchDeviations = 1;

    // A request that waits half of its time is pressure.
    private const double PressureShare = 0.5;

    // Requests looked at for plan B, in best batches: heads that are left out are refused soon, so there are seldom more.
    private const int MostLookedAt = 8;

    // Of the last batch in how full they are.
    private const double FillWeight = 0.05;

    // Of the last of a level, and levels, that are looked at in search of requests that others have displaced.
    private const int MostDisplaced = 4;
    private const int MostLevels = 8;

    // Others that are looked at in search of requests that are lost.
    private const int MostNotLost = 16;

    // Requests that an instance which is too slow for them passes over, at most, before it is left idle: a decision costs the same however many wait.
    private const int MostLeftToOthers = 16;

    private readonly FairPick _fair = new(policy);
    private readonly LevelLoad? _levels = policy.PriorityLevels > 1 ? new LevelLoad(policy.PriorityLevels) : null;
    private readonly Moment _moment = new() { Sequence = long.MaxValue };
    private double _fill = 1;
    private long _pressureAt = long.MinValue / 2;

    public IComparer<QueueEntry> Order => DeadlineOrder.Instance;

    public Refusal Admit(QueueEntry arrived, in SchedulingView all)
    {
        SchedulingView view = all;
        if (policy.IsLevelFull(arrived.Priority, view.Queue)) return new Refusal(RefusalReason.QueueFull);

        // One that has all the time there is need not be predicted; one that comes too late expires like one that has waited too long.
        long due = arrived.DueAt;
        if (due == QueueEntry.NoDeadline) return policy.IsFullOfPatients(view.Queue) ? new Refusal(RefusalReason.QueueFull) : default;
        if (due <= view.Now) return default;
        view = Forecast.Soonest(all.Of(arrived.ShapeClass), policy, arrived.RowsWaiting, out long freeAt);
        long own = Forecast.SoonestEnd(view, policy, arrived.RowsWaiting, freeAt) - freeAt;
        RowsAhead ahead = Ahead(arrived, view);
        arrived.RowsAhead = ahead.Rows;

        // Nothing is known yet of a model that could not be profiled.
        if (own == 0) return default;
        if (freeAt + own > due)
        {
            arrived.PredictedEnd = freeAt + own;
            return IsWorthATry(view, own) ? default : new Refusal(RefusalReason.DeadlineUnreachable, freeAt + own, freeAt + own - due);
        }

        long predicted = Stretch(Forecast.End(view, policy, freeAt, ahead, arrived.Rows, own, _fill), own, arrived.Priority, view);
        if (ahead.Rows + arrived.Rows > policy.RowsOfABatch(view) && predicted - view.Now > PressureShare * (due - view.Now)) _pressureAt = view.Now;
        long room = RoomToTry(arrived, ahead, view);
        long needed = freeAt + own + room <= due ? predicted + room : predicted;
        if (needed > due) return new Refusal(RefusalReason.DeadlineBehindQueue, needed, needed - due);

        arrived.PredictedEnd = predicted;
        _levels?.Admitted(arrived.Priority, arrived.Rows * view.Factor, view.Now, LevelLoad.Batches * policy.Estimate(BestRows(view.Latency), view.Latency));
        return default;
    }

    /// <summary>
    /// How much longer than a batch of the best size one takes of a larger size that is to be tried, for those who will be in it: under overload the first in line have no more time left than they were let in by,
    /// and it would never be run.
    /// </summary>
    private long RoomToTry(QueueEntry arrived, in RowsAhead ahead, in SchedulingView view)
    {
        if (!policy.FollowsLatencyCurve || !policy.IsDynamic || IsContended(view)) return 0;
        int best = BestRows(view.Latency);
        int tried = Math.Min(policy.MaxBatchRows, view.Latency.LargerToTry);
        long full = (ahead.Rows + arrived.Rows - 1) / best;
        int from = view.Latency.BatchesToTry;
        return tried > best && full >= Math.Max(1, from - 1) && full <= from + (tried / best) ? Math.Max(0, Time(tried, view) - Time(best, view)) : 0;
    }

    /// <summary>What an end comes to for a request of a lower level, whom those of higher ones that will come meanwhile go before.</summary>
    private long Stretch(long end, long own, int level, in SchedulingView view)
    {
        if (_levels is null || level == 1 || end - own <= view.Now) return end;
        long batch = policy.Estimate(BestRows(view.Latency), view.Latency);
        double busy = _levels.Above(level, view.Now, LevelLoad.Batches * batch) * batch / (BestRows(view.Latency) * (double)Math.Max(1, view.Instances.Length));
        return view.Now + own + (long)((end - own - view.Now) / Math.Max(LevelLoad.LeastLeft, 1 - busy));
    }

    public Outlook LookAhead(in SchedulingView all)
    {
        SchedulingView view = Forecast.Soonest(OfAnyRequest(all), policy, 1, out long freeAt);
        long own = Time(1, view);

        // An idle model may be worth a try, and of one that nothing is known of nothing can be said.
        if (own == 0 || (view.Queue.Count == 0 && freeAt == view.Now)) return default;
        return new Outlook(freeAt + own, Forecast.End(view, policy, freeAt, Scheduling.RowsAhead.OfAll(view, policy), 1, own, _fill));
    }

    public long Foresee(in SchedulingView all, int level, long due, out long rowsAhead)
    {
        rowsAhead = 0;
        SchedulingView view = Forecast.Soonest(OfAnyRequest(all), policy, 1, out long freeAt);
        long own = Time(1, view);
        if (own == 0) return 0;
        _moment.Priority = level;
        _moment.Deadline = due;

        // Of the shape that is next: of another one it might be sooner where none of that wait, but batches of those that do are before it all the same.
        (_moment.ShapeKey, _moment.ShapeClass) = view.Queue.Buckets.Count == 0 ? (0, view.ShapeClass) : (view.Queue.Buckets[0].ShapeKey, view.Queue.Buckets[0].ShapeClass);
        RowsAhead ahead = Scheduling.RowsAhead.Of(_moment, view, policy, Scheduling.RowsAhead.FewShapes);
        rowsAhead = ahead.Rows;
        return Stretch(Forecast.End(view, policy, freeAt, ahead, 1, own, _fill), own, level, view);
    }

    /// <summary>What a request sees that has not been read: it may be of any shape, and is taken for one that is over soonest, since who is turned away unread must have had no chance.</summary>
    private static SchedulingView OfAnyRequest(in SchedulingView view) => view.Of(view.Latency.Shapes.Smallest);

    /// <summary>What is served before an arrival: what is due before, but no more than comes before its own tenant's turn to it.</summary>
    private RowsAhead Ahead(QueueEntry arrived, in SchedulingView view)
    {
        RowsAhead before = Scheduling.RowsAhead.Of(arrived, view, policy);
        TenantShares shares = view.Queue.Shares;
        if (before.Rows == 0 || arrived.Tenant is not { } tenant || shares.Stretch(tenant) is not (> 1 and double stretch)) return before;
        long rows = (long)(view.Queue.OwnRowsBefore(arrived, Scheduling.RowsAhead.MostShapes) * stretch);

        // What has begun goes on first, whosever it is.
        foreach (QueueEntry begun in view.Queue.Begun) rows += ReferenceEquals(begun.Tenant, tenant) ? 0 : begun.RowsWaiting;
        return before.AtMost(rows);
    }

    /// <summary>Whether several tenants want more than the next batch holds.</summary>
    private bool IsContended(in SchedulingView view) =>
        view.Queue.Shares.Active > 1 && view.Queue.Shares.Requests == view.Queue.Count && (!policy.IsDynamic || view.Queue.Rows > BestRows(view.Latency));

    public void Decide(in SchedulingView view, BatchPlan plan)
    {
        plan.Clear();
        if (RefuseHopeless(view, view.Now, plan) is not { } first || ServedHere(first, view) is not { } head) return;
        QueueEntry? begun = GoesOn(view);
        if (!IsContended(view) || !_fair.TryPick(view, begun, BatchDeviations, plan))
        {
            // Those without a deadline come last; not for ever: once it is their turn no other is begun before them that would have to go on.
            bool isTheirTurn = view.Queue.Patients.IsTheirTurn(policy.RowsOfABatch(view));
            Window chosen = Choose(begun ?? (isTheirTurn ? view.Queue.Patients.Oldest! : head), view.Now, view, policy.FollowsLatencyCurve ? Math.Min(policy.MaxBatchRows, view.Latency.RowsToTry) : 0, mayBegin: begun is null || !isTheirTurn);
            plan.TakeRun(chosen.First, chosen.Rows);
            NoteFill(chosen, BestRows(view.Latency));
        }

        plan.Reason = plan.Rows >= BestRows(view.Latency) ? CloseReason.Full : view.IsDraining ? CloseReason.Draining : CloseReason.Immediate;
    }

    public void Preview(in SchedulingView view, BatchPlan plan)
    {
        plan.Clear();
        long freeAt = Forecast.FreeAt(view, policy, out long next);
        if (!view.AreAlike)
        {
            // Which of them takes whom is not known before it does.
            RefuseHopeless(view, freeAt, plan);
            return;
        }

        if (view.Queue.EarliestDeadline >= freeAt + Time(BestRows(view.Latency), OfTheLongest(view)) && !MayBeDisplaced(view, freeAt)) return;

        // Among tenants it is not by plans that the next batch is chosen, and without batches nobody is left out of one.
        if (RefuseHopeless(view, freeAt, plan) is not { } head || IsContended(view) || !policy.IsDynamic) return;
        RefuseDisplaced(head, freeAt, view, plan);
        if (GoesOn(view) is not null) return;
        Window chosen = Choose(head, freeAt, view);
        SchedulingView ofShape = view.Of(head.ShapeClass);

        // What is left out could go to the instance that is free after that one.
        long then = Math.Min(next, freeAt + Time(chosen.Rows, ofShape));
        for (QueueEntry entry = head; !ReferenceEquals(entry, chosen.First); entry = After(entry)!)
        {
            long end = then + TimeOf(entry, ofShape);
            if (entry.DueAt < end) plan.Refuse(entry, new Refusal(RefusalReason.DeadlineSkipped, end, end - entry.DueAt));
        }

        // Likewise what is not in it for want of time; the first that is not lost will be in the next.
        for (QueueEntry? entry = view.Instances.Length > 1 ? chosen.End : null; entry is not null && entry.DueAt != QueueEntry.NoDeadline && entry.RowsTaken == 0; entry = After(entry))
        {
            long end = then + TimeOf(entry, ofShape);
            if (entry.DueAt >= end) break;
            plan.Refuse(entry, new Refusal(RefusalReason.DeadlineSkipped, end, end - entry.DueAt));
        }
    }

    /// <summary>Refuses those that would miss their deadline even if they were next.</summary>
    /// <param name="at">When an instance is free.</param>
    /// <returns>The first in order that is left; null when there is none.</returns>
    private QueueEntry? RefuseHopeless(in SchedulingView view, long at, BatchPlan plan)
    {
        if (view.Queue.EarliestDeadline != QueueEntry.NoDeadline)
        {
            int left = MostNotLost;
            long usual = Forecast.SoonestEnd(OfTheLongest(view), policy, (int)Math.Clamp(view.Queue.Rows / Math.Max(1, view.Queue.Count), 1, policy.MaxBatchRows), at);
            RefuseFrom(0, at, usual, view, plan, ref left);
        }

        foreach (QueueEntry begun in view.Queue.Begun)
        {
            // What is left of it would be run for nothing, too.
            if (!begun.IsLeaving && IsHopeless(begun, at, view, out long end)) plan.Refuse(begun, new Refusal(RefusalReason.DeadlineUnreachable, end, end - begun.DueAt));
        }

        QueueEntry? first = null;
        FindFirst(0, at, view, plan, ref first);
        return first;
    }

    /// <summary>Refuses the hopeless in a part of the heap of deadlines: of whatever level they are, and behind whomever.</summary>
    /// <param name="usual">When a request of as many rows as most have would be finished, of the shape class of those that wait whose runs are the longest.</param>
    /// <param name="left">How many that are not hopeless are still looked at.</param>
    private void RefuseFrom(int index, long at, long usual, in SchedulingView view, BatchPlan plan, ref int left)
    {
        ReadOnlySpan<QueueEntry> heap = view.Queue.ByDeadline;
        if (index >= heap.Length || left == 0 || heap[index].DueAt >= usual) return;
        QueueEntry entry = heap[index];
        if (IsHopeless(entry, at, view, out long end)) plan.Refuse(entry, new Refusal(RefusalReason.DeadlineUnreachable, end, end - entry.DueAt));
        else left--;
        RefuseFrom((2 * index) + 1, at, usual, view, plan, ref left);
        RefuseFrom((2 * index) + 2, at, usual, view, plan, ref left);
    }

    /// <summary>Finds the request to be served first among those in a part of the heap of buckets that are left, and refuses the hopeless on the way.</summary>
    private void FindFirst(int index, long at, in SchedulingView view, BatchPlan plan, ref QueueEntry? first)
    {
        // By index: the enumerator of an interface would be an object a decision.
        IReadOnlyList<QueueBucket> buckets = view.Queue.Buckets;
        if (index >= buckets.Count || (first is not null && Order.Compare(first, buckets[index].First) < 0)) return;
        QueueEntry head = buckets[index].First;
        QueueEntry? left = head.IsLeaving ? After(head) : head;
        while (left is not null && IsHopeless(left, at, view, out long end))
        {
            plan.Refuse(left, new Refusal(RefusalReason.DeadlineUnreachable, end, end - left.DueAt));
            left = After(left);
        }

        if (left is not null && (first is null || Order.Compare(left, first) < 0)) first = left;
        FindFirst((2 * index) + 1, at, view, plan, ref first);
        FindFirst((2 * index) + 2, at, view, plan, ref first);
    }

    /// <summary>The request after one of its bucket, those that are refused left out.</summary>
    private static QueueEntry? After(QueueEntry entry)
    {
        QueueEntry? next = QueueBucket.Next(entry);
        while (next is not null && next.IsLeaving) next = QueueBucket.Next(next);
        return next;
    }

    private static SchedulingView OfTheLongest(in SchedulingView view) => view.Of(view.Queue.LargestClass);

    /// <summary>The first from one on that this instance need not leave to a faster one, which will be free in time; null where that is not one of the first that are looked at.</summary>
    private QueueEntry? ServedHere(QueueEntry first, in SchedulingView all)
    {
        if (all.AreAlike) return first;
        SchedulingView view = all.Of(first.ShapeClass);
        QueueEntry? entry = first;
        for (int i = 0; i < MostLeftToOthers && entry is not null; i++)
        {
            if (entry.RowsTaken > 0 || view.Now + Forecast.TimeWhenIdle(view, policy, entry.RowsWaiting, time) <= entry.DueAt) return entry;
            if (Forecast.SoonestEnd(view, policy, entry.RowsWaiting, view.Now) > entry.DueAt) return entry;

            // Whatever of its level is due before one row could be done here is not for this instance either.
            _moment.Priority = entry.Priority;
            _moment.Deadline = Math.Max(entry.DueAt + 1, view.Now + Forecast.TimeWhenIdle(view, policy, 1, time));
            entry = view.Queue.BucketOf(first)!.FirstFrom(_moment);
            if (entry is { IsLeaving: true }) entry = After(entry);
        }

        return null;
    }

    /// <summary>One that has begun, which goes on before any other; null when there is none.</summary>
    private static QueueEntry? GoesOn(in SchedulingView view)
    {
        foreach (QueueEntry begun in view.Queue.Begun)
        {
            if (!begun.IsLeaving) return begun;
        }

        return null;
    }

    /// <summary>Whether what waits takes longer than until the last of a level has to be finished: of the levels that are looked at then, too.</summary>
    private bool MayBeDisplaced(in SchedulingView all, long freeAt)
    {
        if (all.Queue.Buckets is not [{ } only] || all.Queue.EarliestDeadline == QueueEntry.NoDeadline) return false;
        SchedulingView view = all.Of(only.ShapeClass);
        int best = BestRows(view.Latency);
        double batch = Time(best, view) / (double)Math.Max(1, view.Instances.Length);
        long end = freeAt + (long)(view.Queue.Rows / best * batch);
        for (int level = Math.Min(policy.PriorityLevels, only.First.Priority + MostLevels); level >= only.First.Priority; level--)
        {
            if (view.Queue.CountAtLevel(level) == 0 || LastOf(only, level) is not { } last) continue;

            // What is before it is no more than all.
            long own = TimeOf(last, view);
            if (last.DueAt < end + own && last.DueAt < freeAt + (long)(only.RowsBefore(last) / best * batch) + own) return true;
        }

        return false;
    }

    /// <summary>Refuses the last of each level where what has come since is served before them and leaves them no time.</summary>
    private void RefuseDisplaced(QueueEntry head, long freeAt, in SchedulingView all, BatchPlan plan)
    {
        if (all.Queue.Buckets is not [{ } only]) return;
        SchedulingView view = all.Of(only.ShapeClass);
        int best = BestRows(view.Latency);
        double batch = Time(best, view) / (double)Math.Max(1, view.Instances.Length);
        for (int level = Math.Min(policy.PriorityLevels, head.Priority + MostLevels); level >= head.Priority; level--)
        {
            QueueEntry? last = view.Queue.CountAtLevel(level) > 0 ? LastOf(only, level) : null;
            for (int i = 0; i < MostDisplaced && last is not null && last.Priority == level && !ReferenceEquals(last, head); i++, last = only.LastBefore(last))
            {
                if (last.IsLeaving) continue;
                if (last.RowsTaken > 0) break;

                // Without a margin, and full batches alone: what is refused here is lost.
                long end = freeAt + (long)(only.RowsBefore(last) / best * batch) + TimeOf(last, view);
                if (end <= last.DueAt) break;
                plan.Refuse(last, new Refusal(RefusalReason.DeadlineBehindQueue, end, end - last.DueAt));
            }
        }
    }

    /// <summary>The last request of a level that has a deadline; null when there is none.</summary>
    private QueueEntry? LastOf(QueueBucket bucket, int level)
    {
        _moment.Priority = level;
        _moment.Deadline = QueueEntry.NoDeadline - 1;
        return bucket.LastBefore(_moment) is { } last && last.Priority == level ? last : null;
    }

    private bool IsHopeless(QueueEntry entry, long at, in SchedulingView all, out long end)
    {
        end = 0;
        if (entry.DueAt == QueueEntry.NoDeadline) return false;
        SchedulingView view = all.Of(entry.ShapeClass);
        end = Forecast.SoonestEnd(view, policy, entry.RowsWaiting, at);

        // What was let in as a try is let run.
        return end > entry.DueAt && !(view.Queue.Count == 1 && IsWorthATry(view, end - at));
    }

    /// <summary>Takes note of how full a batch is that more could not fit into: requests of several rows leave gaps.</summary>
    private void NoteFill(in Window chosen, int best)
    {
        if (!policy.IsDynamic || chosen.End is null) return;
        if (chosen.Rows >= best) _fill += FillWeight * (1 - _fill);
        else if (chosen.End.RowsWaiting > best - chosen.Rows) _fill += FillWeight * ((chosen.Rows / (double)best) - _fill);
    }

    /// <summary>Whether nothing has been learned for so long, and nothing is there to do, that a request which seems hopeless is run all the same.</summary>
    /// <param name="run">What it would take.</param>
    private bool IsWorthATry(in SchedulingView view, long run)
    {
        if (view.Queue.Count > 1 || !Forecast.IsOutOfDate(view, run, time)) return false;
        foreach (InstanceView instance in view.Instances)
        {
            if (!instance.IsIdle) return false;
        }

        return true;
    }

    /// <summary>The batch to run once an instance is free.</summary>
    /// <param name="tried">Rows of a batch that is to be tried; 0 for none.</param>
    /// <param name="mayBegin">Whether what room is left may be filled with a part of a request.</param>
    private Window Choose(QueueEntry head, long at, in SchedulingView all, int tried = 0, bool mayBegin = true)
    {
        // Each runs alone.
        if (!policy.IsDynamic) return new Window(head, After(head), PartOf(head, all.Latency));
        SchedulingView view = all.Of(head.ShapeClass);
        int best = tried > 0 ? tried : BestRows(view.Latency);
        Window a = Run(head, at, best, view, mayBegin);

        // One that was let in as a try, or is part of a request that has begun.
        if (a.Rows == 0) a = new Window(head, After(head), PartOf(head, view.Latency));
        if (a.End is null || a.Rows >= AsGoodAsFull * best || head.DueAt == QueueEntry.NoDeadline || head.RowsTaken > 0) return a;
        Window b = Fastest(head, at, best, view);
        if (ReferenceEquals(b.First, head) || b.Rows == 0) return a;
        long timeOfB = Time(b.Rows, view);
        Foresee(head, at, best, timeOfB, view, out long lost, out double rateOfA);
        bool isPressed = view.Now - _pressureAt < PressureBatches * Time(best, view);
        return (lost > 0 || isPressed) && (double)b.Rows / timeOfB > MustBeFaster * rateOfA ? b : a;
    }

    /// <summary>The longest run of requests from <paramref name="first"/> on that can all be finished in time, in one batch of at most <paramref name="most"/> rows or one request.</summary>
    /// <param name="mayBegin">Whether the last may be a part of one.</param>
    private Window Run(QueueEntry first, long at, int most, in SchedulingView view, bool mayBegin = true)
    {
        LatencyModel latency = view.Latency;
        int rows = 0;
        long due = QueueEntry.NoDeadline;
        double caution = 1 + (BatchDeviations * latency.Deviation);
        QueueEntry? entry = first;
        for (; entry is not null; entry = After(entry))
        {
            int own = rows == 0 ? PartOf(entry, latency) : entry.RowsWaiting;

            // Not as a sum, which a request of two billion rows would make negative. What is run in parts anyway fills the batch up.
            if (rows > 0 && own > most - rows)
            {
                if (!mayBegin || rows >= most || PartOf(entry, latency) == own) break;
                own = most - rows;
                if (entry.DueAt != QueueEntry.NoDeadline && at + (long)(caution * Time(most, view)) + Forecast.TimeAlone(view, policy, entry.RowsWaiting - own) > entry.DueAt) break;
            }

            due = Math.Min(due, entry.DueAt);
            if (due != QueueEntry.NoDeadline && at + (rows == 0 ? TimeOf(entry, view) : (long)(caution * Time(rows + own, view))) > due) break;
            rows += own;

            // What is left of a request that is larger than a batch goes first in the next.
            if (own < entry.RowsWaiting) break;
        }

        return new Window(first, entry, rows);
    }

    /// <summary>Of all runs that begin at the head or behind it, in its priority level, the one of the most rows a second.</summary>
    private Window Fastest(QueueEntry head, long at, int most, in SchedulingView view)
    {
        LatencyModel latency = view.Latency;
        Window fastest = default;
        double fastestRate = 0;
        QueueEntry? end = head;
        int rows = 0;
        int left = MostLookedAt * most;
        double caution = 1 + (BatchDeviations * latency.Deviation);
        for (QueueEntry? first = head; first is not null && first.Priority == head.Priority && left > 0; first = After(first))
        {
            if (rows == 0) end = first;

            // The first is due first.
            for (; end is not null && end.Priority == head.Priority && left > 0; end = After(end), left--)
            {
                if (end.RowsWaiting > most - rows && rows > 0) break;
                int with = rows == 0 ? PartOf(end, latency) : rows + end.RowsWaiting;
                if (at + (rows == 0 ? TimeOf(end, view) : (long)(caution * Time(with, view))) > first.DueAt) break;
                rows = with;
            }

            left--;
            if (rows == 0) continue;
            double rate = rows / (double)Time(rows, view);
            if (rate > fastestRate)
            {
                fastest = new Window(first, end, rows);
                fastestRate = rate;
            }

            if (rows >= AsGoodAsFull * most || end is null) break;
            rows -= Math.Min(first.RowsWaiting, rows);
        }

        return fastest;
    }

    /// <summary>What plan A comes to over the next batches.</summary>
    /// <param name="least">Time over which its rate counts at least.</param>
    /// <param name="lost">Rows that would miss their deadline.</param>
    /// <param name="rate">Rows a tick.</param>
    private void Foresee(QueueEntry head, long at, int best, long least, in SchedulingView view, out long lost, out double rate)
    {
        lost = 0;
        rate = 0;
        long served = 0;
        long time = 0;
        QueueEntry? next = head;
        for (int batch = 0; batch < BatchesAhead && next is not null; batch++)
        {
            while (next is not null && at + time + TimeOf(next, view) > next.DueAt)
            {
                lost += next.RowsWaiting;
                next = After(next);
            }

            if (next is null) break;
            Window window = Run(next, at + time, best, view);
            if (window.Rows == 0) break;
            served += window.Rows;
            time += Time(window.Rows, view);
            next = window.End;
            if (rate == 0 && time >= least) rate = served / (double)time;
        }

        if (rate == 0) rate = served / (double)Math.Max(1, Math.Max(time, least));
    }

    private int BestRows(LatencyModel latency) => policy.BestRows(latency);

    /// <param name="view">Of its shape class, here and below.</param>
    private long Time(int rows, in SchedulingView view) => policy.Estimate(rows, view);

    private int PartOf(QueueEntry entry, LatencyModel latency) => policy.RowsOfAPart(entry.RowsWaiting, latency);

    private long TimeOf(QueueEntry entry, in SchedulingView view) => Forecast.TimeAlone(view, policy, entry.RowsWaiting);

    /// <summary>Requests of a bucket that are next to each other.</summary>
    /// <param name="First">The first.</param>
    /// <param name="End">The one after the last; null behind the last that waits.</param>
    /// <param name="Rows">Rows of theirs that one batch takes.</param>
    private readonly record struct Window(QueueEntry First, QueueEntry? End, int Rows);
}
