namespace Gateway.Load.Engine;

/// <summary>The calls there are, and the order in which those that wait will be sent.</summary>
/// <remarks><b>Threading</b>: one thread. <b>Cost</b>: all memory is taken at the start: about 60 bytes a call.</remarks>
internal sealed class CallTable
{
    private readonly Call[] _calls;
    private readonly int[] _free;
    private readonly int[] _waiting;
    private int _freeCount;
    private int _firstWaiting;

    public CallTable(int most)
    {
        _calls = new Call[most];
        _free = new int[most];
        _waiting = new int[most];
        for (int i = 0; i < most; i++) _free[i] = most - 1 - i;
        _freeCount = most;
    }

    public int InUse => _calls.Length - _freeCount;

    /// <summary>Calls that no connection has taken yet.</summary>
    public int Waiting { get; private set; }

    /// <summary>Above every call in use: the end of a scan.</summary>
    public int End { get; private set; }

    public ref Call this[int call] => ref _calls[call];

    public bool TryTake(out int call)
    {
        if (_freeCount == 0)
        {
            call = -1;
            return false;
        }

        call = _free[--_freeCount];
        if (call >= End) End = call + 1;
        _calls[call] = new Call { IsInUse = true };
        return true;
    }

    public void Release(int call)
    {
        _calls[call].IsInUse = false;
        _free[_freeCount++] = call;
        while (End > 0 && !_calls[End - 1].IsInUse) End--;
    }

    public void Enqueue(int call)
    {
        int at = _firstWaiting + Waiting++;
        _waiting[at < _waiting.Length ? at : at - _waiting.Length] = call;
    }

    public int FirstWaiting() => _waiting[_firstWaiting];

    public void DropFirstWaiting()
    {
        _firstWaiting = _firstWaiting + 1 == _waiting.Length ? 0 : _firstWaiting + 1;
        Waiting--;
    }

    public void ClearWaiting() => Waiting = 0;
}
