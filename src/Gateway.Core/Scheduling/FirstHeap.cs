namespace Gateway.Core.Scheduling;

/// <summary>Lines of waiting requests, the one whose first request is to be served first on top.</summary>
/// <remarks>
/// A binary heap whose members know their position, so that any of them can be taken out, or moved when its first request has changed: what comes next is known
/// without a look at all, in however many shapes requests come. <b>Cost</b>: O(log n), O(1) where the order stays. <b>Threading</b>: under the batcher's lock.
/// </remarks>
internal sealed class FirstHeap<T>(IComparer<QueueEntry> order)
    where T : class, IWaitingLine
{
    private readonly List<T> _items = [];

    /// <summary>All of them, none before the one at half its index.</summary>
    public IReadOnlyList<T> Items => _items;

    /// <summary>The line whose first request is served first; null when there is none.</summary>
    public T? First => _items.Count == 0 ? null : _items[0];

    public void Add(T line)
    {
        _items.Add(line);
        SiftUp(line, _items.Count - 1);
    }

    /// <summary>Takes out a line, which may be empty by now.</summary>
    public void Remove(T line)
    {
        int index = line.HeapIndex;
        T last = _items[^1];
        _items.RemoveAt(_items.Count - 1);
        line.HeapIndex = -1;
        if (!ReferenceEquals(last, line)) Move(last, index);
    }

    /// <summary>Another request is a line's first now.</summary>
    public void Moved(T line) => Move(line, line.HeapIndex);

    private void Move(T line, int index)
    {
        if (index > 0 && IsBefore(line, _items[(index - 1) / 2])) SiftUp(line, index);
        else SiftDown(line, index);
    }

    private bool IsBefore(T line, T other) => order.Compare(line.Head, other.Head) < 0;

    private void SiftUp(T line, int index)
    {
        while (index > 0)
        {
            int parent = (index - 1) / 2;
            if (!IsBefore(line, _items[parent])) break;
            Place(_items[parent], index);
            index = parent;
        }

        Place(line, index);
    }

    private void SiftDown(T line, int index)
    {
        while (true)
        {
            int child = (2 * index) + 1;
            if (child >= _items.Count) break;
            if (child + 1 < _items.Count && IsBefore(_items[child + 1], _items[child])) child++;
            if (!IsBefore(_items[child], line)) break;
            Place(_items[child], index);
            index = child;
        }

        Place(line, index);
    }

    private void Place(T line, int index)
    {
        _items[index] = line;
        line.HeapIndex = index;
    }
}
