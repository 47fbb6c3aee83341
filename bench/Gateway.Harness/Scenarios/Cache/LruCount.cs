namespace Gateway.Harness.Scenarios.Cache;

/// <summary>Counts what a cache would hit that keeps the latest so many numbers asked for.</summary>
internal sealed class LruCount(int capacity)
{
    private readonly LinkedList<long> _order = new();
    private readonly Dictionary<long, LinkedListNode<long>> _nodes = [];

    public long Hits { get; private set; }

    public long Asked { get; private set; }

    /// <returns>The number.</returns>
    public long Ask(long number)
    {
        Asked++;
        if (_nodes.TryGetValue(number, out LinkedListNode<long>? node))
        {
            Hits++;
            _order.Remove(node);
            _order.AddLast(node);
            return number;
        }

        if (_nodes.Count == capacity)
        {
            node = _order.First!;
            _order.RemoveFirst();
            _nodes.Remove(node.Value);
            node.Value = number;
        }
        else
        {
            node = new LinkedListNode<long>(number);
        }

        _order.AddLast(node);
        _nodes[number] = node;
        return number;
    }
}
