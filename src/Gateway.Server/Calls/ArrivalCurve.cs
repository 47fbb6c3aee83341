namespace Gateway.Server.Calls;

/// <summary>How many bytes of a connection had arrived by when: tells how long those have lain unread that are read now.</summary>
/// <remarks>
/// <b>Behaviour</b>: bytes come in order, so the byte at a position came when the count of all that had come passed it; between two looks they are taken to have come
/// evenly. Beyond the oldest look that is remembered everything counts as having come then. <b>Threading</b>: one thread at a time. <b>Cost</b>: no allocation after the first.
/// </remarks>
internal sealed class ArrivalCurve
{
    // At one look a millisecond more than the deadlines that this matters for.
    private const int Looks = 64;

    private readonly long[] _times = new long[Looks];
    private readonly long[] _bytes = new long[Looks];
    private int _first;
    private int _count;

    /// <summary>Takes note of a look.</summary>
    /// <param name="now">Timestamp.</param>
    /// <param name="arrived">Bytes of the whole connection that have come by then, read or not.</param>
    public void Add(long now, long arrived)
    {
        // What was seen once has come, wherever it is now.
        if (_count > 0) arrived = Math.Max(arrived, _bytes[(_first + _count - 1) % Looks]);
        if (_count == Looks)
        {
            _first = (_first + 1) % Looks;
            _count--;
        }

        int at = (_first + _count++) % Looks;
        _times[at] = now;
        _bytes[at] = arrived;
    }

    /// <summary>When the byte at this position came; positions are asked for in ascending order.</summary>
    public long ArrivedAt(long position)
    {
        // What lies behind is asked for no more.
        while (_count > 1 && _bytes[(_first + 1) % Looks] <= position)
        {
            _first = (_first + 1) % Looks;
            _count--;
        }

        if (_count == 0) return 0;
        long before = _bytes[_first];
        if (_count == 1 || position <= before) return _times[_first];
        int next = (_first + 1) % Looks;
        return _times[_first] + (long)((_times[next] - _times[_first]) * ((position - before) / (double)(_bytes[next] - before)));
    }
}
