namespace Gateway.TestSupport.Simulation.Fleets;

/// <summary>A cache as far as a simulation needs one: the keys used last.</summary>
internal sealed class RecentKeys(int most)
{
    private readonly Dictionary<int, LinkedListNode<int>> _nodes = [];
    private readonly LinkedList<int> _order = new();

    public bool Touch(int key)
    {
        if (!_nodes.TryGetValue(key, out LinkedListNode<int>? node)) return false;
        _order.Remove(node);
        _order.AddLast(node);
        return true;
    }

    public void Add(int key)
    {
        if (most == 0 || Touch(key)) return;
        _nodes[key] = _order.AddLast(key);
        if (_nodes.Count <= most) return;
        _nodes.Remove(_order.First!.Value);
        _order.RemoveFirst();
    }
}
