namespace Gateway.Core.Scheduling;

/// <summary>When a request would be finished, by what waits, what runs and what runs have taken.</summary>
/// <remarks>Pure. Times are timestamps and ticks of the batcher's clock.</remarks>
internal static class Forecast
{
    // Kept as a margin on what is ahead, in deviations of a batch. The simulation that chose the policy had two, with which, where batches deviate by 5 %, up to one in forty of those that are refused
    // was let in first, and is now half or a third of that, for the same goodput. With three it is less still, but below capacity a convolution loses what could be in time (2026-11-27).
    private const double QueueDeviations = 2.5;

    // A model whose last batch is so long ago, and so many times its own length, may have become faster since.
    private const int EstimateLifeRuns = 10;
    private const int ClassLife = 10;
    private static readonly TimeSpan EstimateLife = TimeSpan.FromMilliseconds(100);

    // More are taken for one that is as much faster.
    private const int MostInstances = 16;

    /// <summary>When an instance is free. One that is lost is not counted on, unless all are.</summary>
    /// <param name="next">When another one is; <see cref="QueueEntry.NoDeadline"/> where there is no other.</param>
    public static long FreeAt(in SchedulingView view, BatchingPolicy policy, out long next)
    {
        long earliest = QueueEntry.NoDeadline;
        next = QueueEntry.NoDeadline;
        foreach (InstanceView instance in view.Instances)
        {
            if (instance.IsLost) continue;
            long end = FreeAt(instance, view, policy);
            next = Math.Min(next, Math.Max(end, earliest));
            earliest = Math.Min(earliest, end);
        }

        return earliest == QueueEntry.NoDeadline ? view.Now : earliest;
    }

    public static long FreeAt(in SchedulingView view, BatchingPolicy policy) => FreeAt(view, policy, out _);

    /// <summary>What a request of so many rows would see that went next: the instance that would finish it first.</summary>
    /// <param name="freeAt">When that is free.</param>
    public static SchedulingView Soonest(scoped in SchedulingView view, BatchingPolicy policy, int rows, out long freeAt)
    {
        if (view.AreAlike)
        {
            freeAt = FreeAt(view, policy);
            return view;
        }

        freeAt = view.Now;
        LatencyModel soonest = view.Latency;
        long earliest = QueueEntry.NoDeadline;
        foreach (InstanceView instance in view.Instances)
        {
            if (instance.IsLost) continue;
            LatencyModel latency = view.LatencyOf(instance);
            long free = FreeAt(instance, view, policy);
            long end = free + TimeAlone(view.For(latency), policy, rows);
            if (end >= earliest) continue;
            (earliest, freeAt, soonest) = (end, free, latency);
        }

        return view.For(soonest);
    }

    /// <summary>When a request of so many rows would be finished that went next, wherever that is soonest; its parts run on as many instances as are free.</summary>
    /// <param name="at">When an instance is free, where all are alike.</param>
    public static long SoonestEnd(in SchedulingView view, BatchingPolicy policy, int rows, long at)
    {
        if (!view.AreAlike)
        {
            SchedulingView seen = Soonest(view, policy, rows, out long freeAt);
            return freeAt + TimeAlone(seen, policy, rows);
        }

        if (view.Instances.Length is < 2 or > MostInstances || rows <= policy.BestRows(view.Latency)) return at + TimeAlone(view, policy, rows);
        int part = policy.RowsOfAPart(rows, view.Latency);
        (int whole, int rest) = Math.DivRem(rows, part);
        long ofPart = policy.Estimate(part, view);
        long end = Begin(view, policy, whole - 1, ofPart) + ofPart;
        return rest == 0 ? end : Math.Max(end, Begin(view, policy, whole, ofPart) + policy.Estimate(rest, view));
    }

    /// <summary>Ticks of a request of so many rows, if it is next and all instances are free for its parts.</summary>
    public static long TimeAlone(in SchedulingView view, BatchingPolicy policy, int rows) =>
        rows <= policy.BestRows(view.Latency) ? policy.Estimate(rows, view) : (long)(view.Factor * policy.EstimateAlone(rows, view.Latency, Beside(view)));

    /// <summary>Instances that may run parts of one request at once: those that are like the one that is looked at and not lost; at least 1.</summary>
    private static int Beside(in SchedulingView view)
    {
        int beside = 0;
        foreach (InstanceView instance in view.Instances)
        {
            if (!instance.IsLost && ReferenceEquals(view.LatencyOf(instance), view.Latency)) beside++;
        }

        return Math.Max(1, beside);
    }

    /// <summary>Ticks that a request of one row, and of the shape class that is looked at, takes at least, on whatever instance; 0 where nothing is known.</summary>
    public static long ShortestRun(in SchedulingView view, BatchingPolicy policy)
    {
        long shortest = policy.Estimate(1, view);
        if (view.AreAlike) return shortest;
        foreach (InstanceView instance in view.Instances) shortest = Math.Min(shortest, policy.Estimate(1, view.For(view.LatencyOf(instance))));
        return shortest;
    }

    /// <summary>Whether nothing has been learned of a model, or of the shape class that is looked at, for so long that it may be faster by now than what it last was, or was guessed to be.</summary>
    /// <remarks>A class waits ten times as long: while others are served, a try of one that is as slow as it seems is at their cost, a hundredth of the time at most.</remarks>
    /// <param name="run">Ticks that a run is taken to need.</param>
    public static bool IsOutOfDate(in SchedulingView view, long run, TimeProvider time)
    {
        long life = Math.Max((long)(EstimateLife.TotalSeconds * time.TimestampFrequency), EstimateLifeRuns * run);
        if (view.Latency.RecordedAt <= view.Now - life) return true;
        return view.ShapeClass != SchedulingView.AnyShape && view.Latency.Shapes.RecordedAt(view.ShapeClass) <= view.Now - (ClassLife * life);
    }

    /// <summary>Ticks of a request of so many rows on an instance that is idle: where nothing has been learned for long, what it takes if what made it slower is over.</summary>
    /// <remarks>Without that, one that was slow once would be left out for ever, since only its own batches say that it no longer is.</remarks>
    public static long TimeWhenIdle(in SchedulingView view, BatchingPolicy policy, int rows, TimeProvider time)
    {
        long known = TimeAlone(view, policy, rows);
        return rows <= policy.BestRows(view.Latency) && IsOutOfDate(view, known, time) ? Math.Min(known, (long)(view.Factor * view.Latency.Hope(policy.PadTo(rows)))) : known;
    }

    /// <summary>Rows a tick that all instances together do in full batches; 0 where nothing is known.</summary>
    public static double Rate(in SchedulingView view, BatchingPolicy policy)
    {
        double rate = 0;
        foreach (InstanceView instance in view.Instances)
        {
            if (!instance.IsLost) rate += Rate(view, view.LatencyOf(instance), policy, instance.Wait);
        }

        return rate > 0 ? rate : Rate(view, view.Latency, policy);
    }

    /// <param name="wait">Ticks before each batch.</param>
    private static double Rate(in SchedulingView view, LatencyModel latency, BatchingPolicy policy, long wait = 0)
    {
        int best = policy.BestRows(latency);
        return policy.Estimate(best, latency) is > 0 and long batch ? best / ((view.FactorOf(latency) * batch) + wait) : 0;
    }

    /// <summary>When a request is finished that has so much before it.</summary>
    /// <param name="freeAt">When an instance is free.</param>
    /// <param name="own">Time of the request from then on if it went next.</param>
    /// <param name="fill">How full batches become while enough waits, over the best size.</param>
    public static long End(in SchedulingView view, BatchingPolicy policy, long freeAt, in RowsAhead ahead, int rows, long own, double fill = 1)
    {
        int best = Math.Max(1, (int)(fill * policy.RowsOfABatch(view)));
        long curve = policy.Estimate(best, view.Latency);
        long full = (ahead.OfShape + Math.Min(rows, best) - 1) / best;

        // Of others' shapes a batch is made as soon as one of them is due first; of its own, the last one is taken for a full one.
        double batches = full + ahead.Batches;

        // In batches of the class that the curve is of: shapes that take longer count for more.
        double weight = (full * ahead.Factor) + ahead.Weight;
        double ticks = (full * ahead.Factor * curve) + ahead.Ticks;
        if (view.Queue.Patients is { Oldest: { } patient } patients)
        {
            long turns = (long)((((batches + 1) * best) + patients.RowsPast) / (BatchingPolicy.PatientTurn * best));
            double ofPatient = view.Latency.Shapes.Of(patient.ShapeClass);
            batches += turns;
            full += turns;
            weight += turns * ofPatient;
            ticks += turns * ofPatient * curve;
        }

        if (batches == 0) return freeAt + own;
        double margin = QueueDeviations * policy.Deviation(best, view.Latency) * curve * (weight / batches) * Math.Sqrt(batches + 1);

        // Parts run on several instances, too: when the last one begins counts, whatever is free when the first one does.
        if (rows > policy.BestRows(view.Latency) && view.AreAlike && Usable(view) > 1)
        {
            int part = policy.RowsOfAPart(rows, view.Latency);
            int further = (rows - 1) / part;
            own = policy.Estimate(part, view);
            ticks += (double)further * own;
            batches += further;
        }

        double time = (ticks / batches) + Wait(view);
        long last = policy.Estimate(full > 0 && policy.IsDynamic ? best : (int)Math.Clamp(Math.Max(ahead.Beside + rows, ahead.Batches > 0 ? view.Latency.UsualRows : 0), 1, best), view);
        long begin = !view.AreAlike ? BeginWhereUnalike(view, policy, weight / view.Factor * best)
            : view.Instances.Length is > 1 and <= MostInstances ? Begin(view, policy, (long)batches, time)
            : freeAt + (long)(batches * time / Usable(view));
        return begin + (long)margin + Math.Max(last, own);
    }

    /// <summary>When one instance is, and has what it needs. One that should be by now is taken to need as long again as it is late; an idle one may have it at once.</summary>
    private static long FreeAt(in InstanceView instance, in SchedulingView view, BatchingPolicy policy)
    {
        if (instance.IsIdle) return view.Now;
        long end = instance.StartedAt + instance.Wait + (instance.BatchRows > 0 ? policy.Estimate(instance.BatchRows, view.LatencyOf(instance), instance.ShapeClass) : 0);
        return end < view.Now ? view.Now + (view.Now - end) : end;
    }

    /// <summary>When a batch begins that so many go before, each of which the instance takes that is free first.</summary>
    /// <param name="time">Of each of those.</param>
    private static long Begin(in SchedulingView view, BatchingPolicy policy, long batches, double time)
    {
        Span<long> free = stackalloc long[MostInstances];
        int count = 0;
        foreach (InstanceView instance in view.Instances)
        {
            if (!instance.IsLost) free[count++] = FreeAt(instance, view, policy);
        }

        if (count == 0) return view.Now + (long)(batches * time);
        free = free[..count];
        free.Sort();
        while (time > 0 && free[^1] - free[0] > time)
        {
            // One that is late is not waited for: the others are free again before. They take turns with it only from when it is free on.
            double before = 0;
            foreach (long each in free) before += Math.Floor((free[^1] - each) / time);
            if (before > batches)
            {
                free = free[..^1];
                continue;
            }

            for (int i = 0; i < free.Length; i++) free[i] += (long)(Math.Floor((free[^1] - free[i]) / time) * time);
            batches -= (long)before;
            free.Sort();
            break;
        }

        (long turns, long place) = Math.DivRem(batches, free.Length);
        return free[(int)place] + (long)(turns * time);
    }

    /// <summary>When so many rows have been begun, of which each instance does as many as it can from when it is free.</summary>
    private static long BeginWhereUnalike(in SchedulingView view, BatchingPolicy policy, double rows)
    {
        double begin = double.PositiveInfinity;
        while (true)
        {
            // Of those alone that are free by then, without whom it is later.
            double rate = 0;
            double done = 0;
            foreach (InstanceView instance in view.Instances)
            {
                if (instance.IsLost || FreeAt(instance, view, policy) - view.Now >= begin) continue;
                double own = Rate(view, view.LatencyOf(instance), policy, instance.Wait);
                rate += own;
                done += own * (FreeAt(instance, view, policy) - view.Now);
            }

            if (rate == 0) return double.IsPositiveInfinity(begin) ? view.Now : view.Now + (long)begin;
            double then = (rows + done) / rate;
            if (then >= begin) return view.Now + (long)begin;
            begin = then;
        }
    }

    /// <summary>Ticks for which an instance waits for resources before a batch, on the mean of those that are not lost.</summary>
    private static double Wait(in SchedulingView view)
    {
        long wait = 0;
        foreach (InstanceView instance in view.Instances)
        {
            if (!instance.IsLost) wait += instance.Wait;
        }

        return wait == 0 ? 0 : (double)wait / Usable(view);
    }

    /// <summary>Instances that are not lost, at least 1.</summary>
    private static int Usable(in SchedulingView view)
    {
        int usable = 0;
        foreach (InstanceView instance in view.Instances)
        {
            if (!instance.IsLost) usable++;
        }

        return Math.Max(1, usable);
    }
}
