namespace Gateway.Core.Scheduling;

/// <summary>Requests in the order in which they are to be served, with the rows before any of them: a treap whose nodes are the entries themselves.</summary>
/// <remarks>
/// <b>Cost</b>: O(log n) to insert, to remove and to count rows, whatever the order of arrival; no allocation. A node's place in the heap is a hash of its
/// sequence, so the same arrivals make the same tree. <b>Threading</b>: under the batcher's lock.
/// </remarks>
/// <typeparam name="TPlace">Which of an entry's links are this tree's: an entry can be in one tree of each kind.</typeparam>
internal sealed class EntryTree<TPlace>(IComparer<QueueEntry> order)
    where TPlace : struct, ITreePlace
{
    private QueueEntry? _root;
    private QueueEntry? _first;
    private QueueEntry? _last;

    public int Count { get; private set; }

    /// <summary>Rows waiting of all entries.</summary>
    public long Rows => RowsOf(_root);

    /// <summary>The entry to be served next; null when there is none.</summary>
    public QueueEntry? First => _first;

    /// <summary>The entry after this one; null behind the last.</summary>
    public static QueueEntry? Next(QueueEntry entry)
    {
        if (Links(entry).Right is { } next)
        {
            while (Links(next).Left is { } left) next = left;
            return next;
        }

        QueueEntry? from = entry;
        QueueEntry? parent = Links(entry).Parent;
        while (parent is not null && ReferenceEquals(Links(parent).Right, from))
        {
            from = parent;
            parent = Links(parent).Parent;
        }

        return parent;
    }

    public void Insert(QueueEntry entry)
    {
        entry.HeapKey = Mix((ulong)entry.Sequence);
        Links(entry).Rows = entry.RowsWaiting;
        Count++;
        if (_last is null || order.Compare(_last, entry) < 0)
        {
            Append(entry);
            return;
        }

        if (order.Compare(entry, _first) < 0) _first = entry;
        QueueEntry? parent = null;
        QueueEntry? at = _root;
        bool isLeft = false;
        while (at is not null && at.HeapKey >= entry.HeapKey)
        {
            Links(at).Rows += entry.RowsWaiting;
            parent = at;
            isLeft = order.Compare(entry, at) < 0;
            at = isLeft ? Links(at).Left : Links(at).Right;
        }

        // What the entry displaces is divided into what comes before it and what comes after.
        Split(at, entry, out QueueEntry? before, out QueueEntry? after);
        SetLeft(entry, before);
        SetRight(entry, after);
        Sum(entry);
        Attach(parent, isLeft, entry);
    }

    /// <summary>Inserts behind the last, where most arrivals go: it comes below the first entry up from there that stays above it, and what was there comes below it.</summary>
    private void Append(QueueEntry entry)
    {
        QueueEntry? below = null;
        QueueEntry? parent = _last;
        for (; parent is not null && parent.HeapKey < entry.HeapKey; parent = Links(parent).Parent) below = parent;
        SetLeft(entry, below);
        if (below is not null) Links(entry).Rows += Links(below).Rows;
        for (QueueEntry? above = parent; above is not null; above = Links(above).Parent) Links(above).Rows += entry.RowsWaiting;
        Attach(parent, isLeft: false, entry);
        _first ??= entry;
        _last = entry;
    }

    /// <returns>False when the entry is not here.</returns>
    public bool Remove(QueueEntry entry)
    {
        if (Links(entry).Parent is null && !ReferenceEquals(entry, _root)) return false;
        if (ReferenceEquals(entry, _first)) _first = Next(entry);
        if (ReferenceEquals(entry, _last)) _last = Links(entry).Left is { } left ? LastOf(left) : Links(entry).Parent;
        Count--;
        QueueEntry? parent = Links(entry).Parent;
        bool isLeft = parent is not null && ReferenceEquals(Links(parent).Left, entry);
        for (QueueEntry? above = parent; above is not null; above = Links(above).Parent) Links(above).Rows -= entry.RowsWaiting;
        Attach(parent, isLeft, Join(Links(entry).Left, Links(entry).Right));
        Links(entry).Left = null;
        Links(entry).Right = null;
        Links(entry).Parent = null;
        return true;
    }

    /// <summary>Some rows of an entry do not wait any more; called before the entry says so itself.</summary>
    public static void TakeRows(QueueEntry entry, int rows)
    {
        for (QueueEntry? above = entry; above is not null; above = Links(above).Parent) Links(above).Rows -= rows;
    }

    /// <summary>Rows waiting of the entries that are served before <paramref name="entry"/>, which need not be here.</summary>
    public long RowsBefore(QueueEntry entry)
    {
        long rows = 0;
        for (QueueEntry? at = _root; at is not null;)
        {
            if (order.Compare(at, entry) < 0)
            {
                rows += Links(at).Rows - RowsOf(Links(at).Right);
                at = Links(at).Right;
            }
            else
            {
                at = Links(at).Left;
            }
        }

        return rows;
    }

    /// <summary>The first entry that <paramref name="entry"/>, which need not be here, is not served after; null when there is none.</summary>
    public QueueEntry? FirstFrom(QueueEntry entry)
    {
        QueueEntry? found = null;
        for (QueueEntry? at = _root; at is not null;)
        {
            if (order.Compare(at, entry) < 0)
            {
                at = Links(at).Right;
            }
            else
            {
                found = at;
                at = Links(at).Left;
            }
        }

        return found;
    }

    /// <summary>The last entry that is served before <paramref name="entry"/>, which need not be here; null when there is none.</summary>
    public QueueEntry? LastBefore(QueueEntry entry)
    {
        QueueEntry? found = null;
        for (QueueEntry? at = _root; at is not null;)
        {
            if (order.Compare(at, entry) < 0)
            {
                found = at;
                at = Links(at).Right;
            }
            else
            {
                at = Links(at).Left;
            }
        }

        return found;
    }

    private static ref TreeLinks Links(QueueEntry entry) => ref TPlace.Links(entry);

    private static long RowsOf(QueueEntry? tree) => tree is null ? 0 : Links(tree).Rows;

    private static QueueEntry LastOf(QueueEntry tree)
    {
        while (Links(tree).Right is { } right) tree = right;
        return tree;
    }

    private void Split(QueueEntry? tree, QueueEntry entry, out QueueEntry? before, out QueueEntry? after)
    {
        if (tree is null)
        {
            before = null;
            after = null;
        }
        else if (order.Compare(tree, entry) < 0)
        {
            Split(Links(tree).Right, entry, out QueueEntry? right, out after);
            SetRight(tree, right);
            Sum(tree);
            before = tree;
        }
        else
        {
            Split(Links(tree).Left, entry, out before, out QueueEntry? left);
            SetLeft(tree, left);
            Sum(tree);
            after = tree;
        }
    }

    private static QueueEntry? Join(QueueEntry? before, QueueEntry? after)
    {
        if (before is null) return after;
        if (after is null) return before;
        if (before.HeapKey >= after.HeapKey)
        {
            SetRight(before, Join(Links(before).Right, after));
            Sum(before);
            return before;
        }

        SetLeft(after, Join(before, Links(after).Left));
        Sum(after);
        return after;
    }

    private void Attach(QueueEntry? parent, bool isLeft, QueueEntry? child)
    {
        if (parent is null)
        {
            _root = child;
            if (child is not null) Links(child).Parent = null;
        }
        else if (isLeft)
        {
            SetLeft(parent, child);
        }
        else
        {
            SetRight(parent, child);
        }
    }

    private static void SetLeft(QueueEntry parent, QueueEntry? child)
    {
        Links(parent).Left = child;
        if (child is not null) Links(child).Parent = parent;
    }

    private static void SetRight(QueueEntry parent, QueueEntry? child)
    {
        Links(parent).Right = child;
        if (child is not null) Links(child).Parent = parent;
    }

    private static void Sum(QueueEntry entry) => Links(entry).Rows = entry.RowsWaiting + RowsOf(Links(entry).Left) + RowsOf(Links(entry).Right);

    /// <summary>The finalizer of SplitMix64 (Steele, Lea and Flood, 2014), which spreads consecutive numbers evenly.</summary>
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
