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

    // An idle model whose last batch is so long ago, and so many times its own length, may have become faster since: it gets a try.
    private const int EstimateLifeRuns = 10;
    private static readonly TimeSpan EstimateLife = TimeSpan.FromMilliseconds(100);

    private readonly FairPick _fair = new(policy);
    private readonly long _estimateLife = (long)(EstimateLife.TotalSeconds * time.TimestampFrequency);
    private long _pressureAt = long.MinValue / 2;

    public IComparer<QueueEntry> Order => DeadlineOrder.Instance;

    public Refusal Admit(QueueEntry arrived, in SchedulingView view)
    {
        if (policy.IsLevelFull(arrived.Priority, view.Queue)) return new Refusal(RefusalReason.QueueFull);

        // One that has all the time there is need not be predicted; one that comes too late expires like one that has waited too long.
        long due = arrived.DueAt;
        if (due == QueueEntry.NoDeadline || due <= view.Now) return default;
        long freeAt = Forecast.FreeAt(view, policy);
        long own = TimeOf(arrived, view.Latency);
        arrived.RowsAhead = RowsAhead(arrived, view.Queue);

        // Nothing is known yet of a model that could not be profiled.
        if (own == 0) return default;
        if (freeAt + own > due)
        {
            arrived.PredictedEnd = freeAt + own;
            return IsWorthATry(view, own) ? default : new Refusal(RefusalReason.DeadlineUnreachable, freeAt + own, freeAt + own - due);
        }

        long predicted = Forecast.End(view, policy, freeAt, arrived.RowsAhead, arrived.Rows, own);
        if (arrived.RowsAhead + arrived.Rows > BestRows(view.Latency))
        {
            if (predicted - view.Now > PressureShare * (due - view.Now)) _pressureAt = view.Now;
            if (predicted > due) return new Refusal(RefusalReason.DeadlineBehindQueue, predicted, predicted - due);
        }

        arrived.PredictedEnd = predicted;
        return default;
    }

    public Outlook LookAhead(in SchedulingView view)
    {
        long own = Time(1, view.Latency);
        long freeAt = Forecast.FreeAt(view, policy);

        // An idle model may be worth a try, and of one that nothing is known of nothing can be said.
        if (own == 0 || (view.Queue.Count == 0 && freeAt == view.Now)) return default;
        return new Outlook(freeAt + own, Forecast.End(view, policy, freeAt, view.Queue.Rows, 1, own));
    }

    /// <summary>Rows served before an arrival: those that are due before, but no more than come before its own tenant's turn to it.</summary>
    private static long RowsAhead(QueueEntry arrived, RequestQueue queue)
    {
        long before = queue.RowsBefore(arrived);
        if (before == 0 || arrived.Tenant is not { } tenant || queue.Shares.Stretch(tenant) is not (> 1 and double stretch)) return before;
        return Math.Min(before, (long)(queue.OwnRowsBefore(arrived) * stretch));
    }

    /// <summary>Whether several tenants want more than the next batch holds.</summary>
    private bool IsContended(in SchedulingView view) =>
        view.Queue.Shares.Active > 1 && view.Queue.Shares.Requests == view.Queue.Count && policy.IsDynamic && view.Queue.Rows > BestRows(view.Latency);

    public void Decide(in SchedulingView view, BatchPlan plan)
    {
        plan.Clear();
        if (RefuseHopeless(view, view.Now, plan) is not { } head) return;
        if (!IsContended(view) || !_fair.TryPick(view, BatchDeviations, plan))
        {
            Window chosen = policy.IsDynamic ? Choose(head, view.Now, view) : new Window(head, QueueBucket.Next(head), Math.Min(head.RowsWaiting, policy.MaxBatchRows));
            plan.TakeRun(chosen.First, chosen.Rows);
        }

        plan.Reason = plan.Rows >= BestRows(view.Latency) ? CloseReason.Full : view.IsDraining ? CloseReason.Draining : CloseReason.Immediate;
    }

    public void Preview(in SchedulingView view, BatchPlan plan)
    {
        plan.Clear();

        // With several instances the one that is free next is not the only one that what is left out could go to.
        if (view.Instances.Length != 1 || !policy.IsDynamic) return;
        long freeAt = Forecast.FreeAt(view, policy);
        if (view.Queue.EarliestDeadline >= freeAt + Time(BestRows(view.Latency), view.Latency)) return;

        // Among tenants it is not by plans that the next batch is chosen.
        if (RefuseHopeless(view, freeAt, plan) is not { } head || IsContended(view)) return;
        Window chosen = Choose(head, freeAt, view);
        long then = freeAt + Time(chosen.Rows, view.Latency);
        for (QueueEntry entry = head; !ReferenceEquals(entry, chosen.First); entry = QueueBucket.Next(entry)!)
        {
            long end = then + TimeOf(entry, view.Latency);
            if (entry.DueAt < end) plan.Refuse(entry, new Refusal(RefusalReason.DeadlineSkipped, end, end - entry.DueAt));
        }
    }

    /// <summary>Refuses the heads that would miss their deadline even if they were next.</summary>
    /// <param name="at">When an instance is free.</param>
    /// <returns>The first in order that is left; null when there is none.</returns>
    private QueueEntry? RefuseHopeless(in SchedulingView view, long at, BatchPlan plan)
    {
        QueueEntry? first = null;

        // By index: the enumerator of an interface would be an object a decision.
        IReadOnlyList<QueueBucket> buckets = view.Queue.Buckets;
        for (int i = 0; i < buckets.Count; i++)
        {
            QueueEntry? head = buckets[i].First;
            while (head is not null && IsHopeless(head, at, view, out long end))
            {
                plan.Refuse(head, new Refusal(RefusalReason.DeadlineUnreachable, end, end - head.DueAt));
                head = QueueBucket.Next(head);
            }

            if (head is not null && (first is null || Order.Compare(head, first) < 0)) first = head;
        }

        return first;
    }

    private bool IsHopeless(QueueEntry entry, long at, in SchedulingView view, out long end)
    {
        end = 0;
        if (entry.DueAt == QueueEntry.NoDeadline || entry.RowsTaken > 0) return false;
        end = at + TimeOf(entry, view.Latency);

        // What was let in as a try is let run.
        return end > entry.DueAt && !(view.Queue.Count == 1 && IsWorthATry(view, end - at));
    }

    /// <summary>Whether nothing has been learned for so long, and nothing is there to do, that a request which seems hopeless is run all the same.</summary>
    /// <param name="time">What it would take.</param>
    private bool IsWorthATry(in SchedulingView view, long time)
    {
        if (view.Queue.Count > 1 || view.Latency.RecordedAt > view.Now - Math.Max(_estimateLife, EstimateLifeRuns * time)) return false;
        foreach (InstanceView instance in view.Instances)
        {
            if (!instance.IsIdle) return false;
        }

        return true;
    }

    /// <summary>The batch to run once an instance is free.</summary>
    private Window Choose(QueueEntry head, long at, in SchedulingView view)
    {
        int best = BestRows(view.Latency);
        Window a = Run(head, at, best, view.Latency);

        // One that was let in as a try, or is part of a request that has begun.
        if (a.Rows == 0) a = new Window(head, QueueBucket.Next(head), Math.Min(head.RowsWaiting, policy.MaxBatchRows));
        if (a.End is null || a.Rows >= AsGoodAsFull * best || head.DueAt == QueueEntry.NoDeadline) return a;
        Window b = Fastest(head, at, best, view.Latency);
        if (ReferenceEquals(b.First, head) || b.Rows == 0) return a;
        long timeOfB = Time(b.Rows, view.Latency);
        Foresee(head, at, best, timeOfB, view.Latency, out long lost, out double rateOfA);
        bool isPressed = view.Now - _pressureAt < PressureBatches * Time(best, view.Latency);
        return (lost > 0 || isPressed) && (double)b.Rows / timeOfB > MustBeFaster * rateOfA ? b : a;
    }

    /// <summary>The longest run of requests from <paramref name="first"/> on that can all be finished in time, in one batch of at most <paramref name="most"/> rows or one request.</summary>
    private Window Run(QueueEntry first, long at, int most, LatencyModel latency)
    {
        int rows = 0;
        long due = QueueEntry.NoDeadline;
        double caution = 1 + (BatchDeviations * latency.Deviation);
        QueueEntry? entry = first;
        for (; entry is not null; entry = QueueBucket.Next(entry))
        {
            int own = rows == 0 ? Math.Min(entry.RowsWaiting, policy.MaxBatchRows) : entry.RowsWaiting;

            // Not as a sum, which a request of two billion rows would make negative.
            if (rows > 0 && own > most - rows) break;
            due = Math.Min(due, entry.DueAt);
            if (due != QueueEntry.NoDeadline && at + (rows == 0 ? TimeOf(entry, latency) : (long)(caution * Time(rows + own, latency))) > due) break;
            rows += own;

            // What is left of a request that is larger than a batch goes first in the next.
            if (own < entry.RowsWaiting) break;
        }

        return new Window(first, entry, rows);
    }

    /// <summary>Of all runs that begin at the head or behind it, in its priority level, the one of the most rows a second.</summary>
    private Window Fastest(QueueEntry head, long at, int most, LatencyModel latency)
    {
        Window fastest = default;
        double fastestRate = 0;
        QueueEntry? end = head;
        int rows = 0;
        int left = MostLookedAt * most;
        double caution = 1 + (BatchDeviations * latency.Deviation);
        for (QueueEntry? first = head; first is not null && first.Priority == head.Priority && left > 0; first = QueueBucket.Next(first))
        {
            if (rows == 0) end = first;

            // The first is due first.
            for (; end is not null && end.Priority == head.Priority && left > 0; end = QueueBucket.Next(end), left--)
            {
                if (end.RowsWaiting > most - rows && rows > 0) break;
                int with = rows == 0 ? Math.Min(end.RowsWaiting, policy.MaxBatchRows) : rows + end.RowsWaiting;
                if (at + (rows == 0 ? TimeOf(end, latency) : (long)(caution * Time(with, latency))) > first.DueAt) break;
                rows = with;
            }

            left--;
            if (rows == 0) continue;
            double rate = rows / (double)Time(rows, latency);
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
    private void Foresee(QueueEntry head, long at, int best, long least, LatencyModel latency, out long lost, out double rate)
    {
        lost = 0;
        rate = 0;
        long served = 0;
        long time = 0;
        QueueEntry? next = head;
        for (int batch = 0; batch < BatchesAhead && next is not null; batch++)
        {
            while (next is not null && at + time + TimeOf(next, latency) > next.DueAt)
            {
                lost += next.RowsWaiting;
                next = QueueBucket.Next(next);
            }

            if (next is null) break;
            Window window = Run(next, at + time, best, latency);
            if (window.Rows == 0) break;
            served += window.Rows;
            time += Time(window.Rows, latency);
            next = window.End;
            if (rate == 0 && time >= least) rate = served / (double)time;
        }

        if (rate == 0) rate = served / (double)Math.Max(1, Math.Max(time, least));
    }

    private int BestRows(LatencyModel latency) => policy.BestRows(latency);

    private long Time(int rows, LatencyModel latency) => policy.Estimate(rows, latency);

    private long TimeOf(QueueEntry entry, LatencyModel latency) => policy.EstimateAlone(entry.RowsWaiting, latency);

    /// <summary>Requests of a bucket that are next to each other.</summary>
    /// <param name="First">The first.</param>
    /// <param name="End">The one after the last; null behind the last that waits.</param>
    /// <param name="Rows">Rows of theirs that one batch takes.</param>
    private readonly record struct Window(QueueEntry First, QueueEntry? End, int Rows);
}
