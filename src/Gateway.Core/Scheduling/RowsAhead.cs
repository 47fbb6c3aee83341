namespace Gateway.Core.Scheduling;

/// <summary>What is served before a request.</summary>
/// <param name="OfShape">Rows of its own shape.</param>
/// <param name="Beside">Rows of its own shape that wait at all.</param>
/// <param name="Factor">Of its own shape: how many times as long its batches take as the latency model's curve says.</param>
/// <param name="OfOthers">Rows of other shapes.</param>
/// <param name="Batches">Batches of other shapes.</param>
/// <param name="Ticks">What those take.</param>
/// <param name="Weight">Batches of other shapes, each times that of its own.</param>
/// <remarks>
/// <b>Behaviour</b>: requests of other shapes share no batch, so each shape costs batches of its own, however few rows of it are due before; what is due later comes along in them.
/// <b>Cost</b>: O(log n) a shape looked at; of more shapes than that, those are taken for all.
/// </remarks>
internal readonly record struct RowsAhead(long OfShape, long Beside, double Factor, double OfOthers = 0, double Batches = 0, double Ticks = 0, double Weight = 0)
{
    /// <summary>Other shapes that are looked at for a request, and for what is foreseen for many.</summary>
    public const int MostShapes = 16;
    public const int FewShapes = 4;

    public long Rows => OfShape + (long)OfOthers;

    /// <summary>What is served before an entry, which need not wait.</summary>
    public static RowsAhead Of(QueueEntry entry, in SchedulingView view, BatchingPolicy policy, int mostShapes = MostShapes)
    {
        QueueBucket? own = view.Queue.BucketOf(entry);
        long ofShape = own?.RowsBefore(entry) ?? 0;
        foreach (QueueEntry begun in view.Queue.Begun)
        {
            // Goes on first, whenever it is due.
            if (begun.ShapeKey == entry.ShapeKey && DeadlineOrder.Instance.Compare(entry, begun) < 0) ofShape += begun.RowsWaiting;
        }

        long beside = own?.Rows ?? 0;
        int others = view.Queue.Buckets.Count - (own is null ? 0 : 1);
        double factor = view.Latency.Shapes.Of(entry.ShapeClass);
        if (others == 0) return new RowsAhead(ofShape, beside, factor);

        // What fits into the next batch of its shape comes along when the first of that is due.
        bool comesAlong = ofShape > 0 && ofShape + entry.RowsWaiting <= policy.RowsOfABatch(view) && policy.IsDynamic;
        return WithOthers(new RowsAhead(ofShape, beside, factor), comesAlong ? own!.First : entry, own, others, view, policy, mostShapes);
    }

    /// <summary>Everything that waits.</summary>
    public static RowsAhead OfAll(in SchedulingView view, BatchingPolicy policy)
    {
        if (view.Queue.Buckets.Count > 1) return WithOthers(new RowsAhead(0, 0, view.Factor), null, null, view.Queue.Buckets.Count, view, policy, FewShapes);
        return new RowsAhead(view.Queue.Rows, view.Queue.Rows, view.Queue.Count > 0 ? view.Latency.Shapes.Of(view.Queue.Buckets[0].ShapeClass) : view.Factor);
    }

    /// <summary>The part of it that comes before, when fewer rows do.</summary>
    public RowsAhead AtMost(long rows)
    {
        if (rows >= Rows) return this;
        double part = rows / (double)Rows;
        return this with { OfShape = (long)(OfShape * part), OfOthers = OfOthers * part, Batches = Batches * part, Ticks = Ticks * part, Weight = Weight * part };
    }

    private static RowsAhead WithOthers(RowsAhead ofShape, QueueEntry? entry, QueueBucket? own, int others, in SchedulingView view, BatchingPolicy policy, int mostShapes)
    {
        IReadOnlyList<QueueBucket> buckets = view.Queue.Buckets;
        int best = policy.RowsOfABatch(view);
        Sample sample = new(buckets.Count, mostShapes, entry?.Sequence ?? view.Queue.Count);
        int usual = policy.IsDynamic ? Math.Min(best, view.Latency.UsualRows) : 1;
        int seen = 0;
        long rows = 0;
        long batches = 0;
        double ticks = 0;
        double weight = 0;
        for (int i = 0; i < sample.Count; i++)
        {
            QueueBucket bucket = buckets[sample[i]];
            if (ReferenceEquals(bucket, own)) continue;
            seen++;
            long before = entry is null ? bucket.Rows : bucket.RowsBefore(entry);
            if (before == 0) continue;
            long needed = (before + best - 1) / best;
            rows += before;
            batches += needed;
            double factor = view.Latency.Shapes.Of(bucket.ShapeClass);
            weight += needed * factor;
            ticks += factor * (needed - 1) * policy.Estimate(best, view.Latency);
            ticks += factor * policy.Estimate((int)Math.Max(usual, Math.Min(bucket.Rows, needed * best) - ((needed - 1) * best)), view.Latency);
        }

        double scale = seen == 0 ? 0 : (double)others / seen;
        return ofShape with { OfOthers = rows * scale, Batches = batches * scale, Ticks = ticks * scale, Weight = weight * scale };
    }
}
