namespace Gateway.Core.Scheduling;

/// <summary>Waiting requests that have a deadline or a time-out, the earliest on top; any of them can be taken out.</summary>
/// <remarks>
/// A binary heap whose entries know their position. The framework's <see cref="PriorityQueue{TElement,TPriority}"/> finds an element only by a linear
/// search, and leaving served requests in it until their deadline would make it grow beyond the queue's bound.
/// <b>Cost</b>: O(log n). <b>Threading</b>: under the batcher's lock.
/// </remarks>
internal sealed class DeadlineHeap
{
    private QueueEntry[] _items = new QueueEntry[16];
    private int _count;

    /// <summary>All of them, none before the one at half its index.</summary>
    public ReadOnlySpan<QueueEntry> Items => _items.AsSpan(0, _count);

    public QueueEntry? Earliest => _count == 0 ? null : _items[0];

    public void Add(QueueEntry entry)
    {
        if (_count == _items.Length) Array.Resize(ref _items, _count * 2);
        SiftUp(entry, _count++);
    }

    /// <summary>Takes an entry out; nothing happens when it is not in the heap.</summary>
    public void Remove(QueueEntry entry)
    {
        int index = entry.HeapIndex;
        if (index < 0) return;
        entry.HeapIndex = -1;
        QueueEntry last = _items[--_count];
        _items[_count] = null!;
        if (index == _count) return;
        if (index > 0 && last.DueAt < _items[(index - 1) / 2].DueAt) SiftUp(last, index);
        else SiftDown(last, index);
    }

    private void SiftUp(QueueEntry entry, int index)
    {
        while (index > 0)
        {
            int parent = (index - 1) / 2;
            if (_items[parent].DueAt <= entry.DueAt) break;
            Place(_items[parent], index);
            index = parent;
        }

        Place(entry, index);
    }

    private void SiftDown(QueueEntry entry, int index)
    {
        while (true)
        {
            int child = (2 * index) + 1;
            if (child >= _count) break;
            if (child + 1 < _count && _items[child + 1].DueAt < _items[child].DueAt) child++;
            if (_items[child].DueAt >= entry.DueAt) break;
            Place(_items[child], index);
            index = child;
        }

        Place(entry, index);
    }

    private void Place(QueueEntry entry, int index)
    {
        _items[index] = entry;
        entry.HeapIndex = index;
    }
}
