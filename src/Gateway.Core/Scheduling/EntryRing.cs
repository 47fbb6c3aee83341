namespace Gateway.Core.Scheduling;

/// <summary>Requests in the order in which they are to be served: a ring buffer that is kept sorted.</summary>
/// <remarks>
/// <b>Cost</b>: requests mostly come in the order they are served, so an insertion starts at the tail and moves only what it overtakes: constant
/// for an arrival in order, a short memory move otherwise (the queue is bounded: at 4,096 waiting, 32 KiB at most). <b>Threading</b>: under the batcher's lock.
/// </remarks>
internal sealed class EntryRing(IComparer<QueueEntry> order)
{
    private QueueEntry?[] _items = new QueueEntry?[16];
    private int _head;

    public int Count { get; private set; }

    public QueueEntry this[int index] => _items[(_head + index) & (_items.Length - 1)]!;

    public void Insert(QueueEntry entry)
    {
        if (Count == _items.Length) Grow();
        int at = Count++;
        int mask = _items.Length - 1;
        while (at > 0 && order.Compare(this[at - 1], entry) > 0)
        {
            _items[(_head + at) & mask] = _items[(_head + at - 1) & mask];
            at--;
        }

        _items[(_head + at) & mask] = entry;
    }

    /// <returns>-1 when the entry is not there.</returns>
    public int IndexOf(QueueEntry entry)
    {
        int low = 0;
        int high = Count - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            int comparison = order.Compare(this[middle], entry);
            if (comparison == 0) return ReferenceEquals(this[middle], entry) ? middle : -1;
            if (comparison < 0) low = middle + 1;
            else high = middle - 1;
        }

        return -1;
    }

    public void RemoveAt(int index)
    {
        int mask = _items.Length - 1;
        if (index < Count - index)
        {
            for (int i = index; i > 0; i--) _items[(_head + i) & mask] = _items[(_head + i - 1) & mask];
            _items[_head] = null;
            _head = (_head + 1) & mask;
        }
        else
        {
            for (int i = index; i < Count - 1; i++) _items[(_head + i) & mask] = _items[(_head + i + 1) & mask];
            _items[(_head + Count - 1) & mask] = null;
        }

        Count--;
    }

    private void Grow()
    {
        QueueEntry?[] larger = new QueueEntry?[_items.Length * 2];
        for (int i = 0; i < Count; i++) larger[i] = this[i];
        _items = larger;
        _head = 0;
    }
}
