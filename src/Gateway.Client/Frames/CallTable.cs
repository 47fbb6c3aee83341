using Gateway.Client.Calls;

namespace Gateway.Client.Frames;

/// <summary>The calls of one connection: those in the window, by number, and those that wait for a place in it.</summary>
/// <remarks>
/// <b>Behaviour</b>: a number is a place in the window and a count of its uses, so an answer that comes twice, or for a call that never was, is recognised until
/// the place has been used 65,535 more times. The place of an abandoned call stays taken until its answer comes.
/// <b>Threading</b>: its connection's lock. <b>Cost</b>: no allocation but once for the window.
/// </remarks>
internal sealed class CallTable
{
    private const int SlotBits = 16;

    private Slot[] _slots = [];
    private int[] _free = [];
    private int _freeCount;
    private PendingCall? _firstWaiting;
    private PendingCall? _lastWaiting;

    /// <summary>Calls in the window, abandoned ones included.</summary>
    public int Open => _slots.Length - _freeCount;

    public int Waiting { get; private set; }

    /// <summary>Whether a call finds room. One place is kept for pings, where there is more than one.</summary>
    public bool HasRoom => _freeCount > (_slots.Length > 1 ? 1 : 0);

    public bool HasRoomForPing => _freeCount > 0;

    /// <summary>Whether no place is free, and none of them is of a call that somebody waits for.</summary>
    public bool IsFullOfAbandoned
    {
        get
        {
            if (_freeCount > 0) return false;
            foreach (ref Slot slot in _slots.AsSpan())
            {
                if (slot.Call is not null) return false;
            }

            return true;
        }
    }

    public void SetWindow(int calls)
    {
        _slots = new Slot[calls];
        _free = new int[calls];
        for (int i = 0; i < calls; i++) _free[i] = calls - 1 - i;
        _freeCount = calls;
    }

    /// <summary>Gives a call a number and a place in the window.</summary>
    public uint Add(PendingCall call)
    {
        int index = _free[--_freeCount];
        ref Slot slot = ref _slots[index];

        // Never 0, which stands for no call.
        if (++slot.Uses == 0) slot.Uses = 1;
        slot.Call = call;
        slot.IsOpen = true;
        call.Slot = index;
        call.Place = CallPlace.InFlight;
        return NumberOf(index);
    }

    public uint NumberOf(int slot) => ((uint)_slots[slot].Uses << SlotBits) | (uint)slot;

    /// <summary>Whether a call of that number is in the window.</summary>
    /// <param name="call">Null when it was abandoned.</param>
    public bool TryFind(uint number, out PendingCall? call)
    {
        int index = (int)(number & ushort.MaxValue);
        bool isFound = index < _slots.Length && _slots[index].IsOpen && NumberOf(index) == number;
        call = isFound ? _slots[index].Call : null;
        return isFound;
    }

    /// <summary>Frees a place in the window.</summary>
    public void Remove(uint number)
    {
        int index = (int)(number & ushort.MaxValue);
        ref Slot slot = ref _slots[index];
        if (slot.Call is { } call) call.Place = CallPlace.None;
        slot.Call = null;
        slot.IsOpen = false;
        _free[_freeCount++] = index;
    }

    /// <summary>Forgets a call, but keeps its place until its answer comes.</summary>
    public void Abandon(PendingCall call)
    {
        _slots[call.Slot].Call = null;
        call.Place = CallPlace.None;
    }

    public void Enqueue(PendingCall call)
    {
        call.Place = CallPlace.Waiting;
        call.Previous = _lastWaiting;
        call.Next = null;
        if (_lastWaiting is null) _firstWaiting = call;
        else _lastWaiting.Next = call;
        _lastWaiting = call;
        Waiting++;
    }

    public void RemoveWaiting(PendingCall call)
    {
        if (call.Previous is null) _firstWaiting = call.Next;
        else call.Previous.Next = call.Next;
        if (call.Next is null) _lastWaiting = call.Previous;
        else call.Next.Previous = call.Previous;
        call.Previous = null;
        call.Next = null;
        call.Place = CallPlace.None;
        Waiting--;
    }

    public PendingCall? Dequeue()
    {
        PendingCall? call = _firstWaiting;
        if (call is not null) RemoveWaiting(call);
        return call;
    }

    /// <summary>Adds the calls in the window that have not been abandoned.</summary>
    public void CollectInFlight(List<PendingCall> calls)
    {
        foreach (ref Slot slot in _slots.AsSpan())
        {
            if (slot.Call is not null) calls.Add(slot.Call);
        }
    }

    /// <summary>Adds the calls whose deadline has passed.</summary>
    /// <returns>The earliest deadline of the others.</returns>
    public long CollectExpired(long now, List<PendingCall> calls)
    {
        long earliest = long.MaxValue;
        for (PendingCall? call = _firstWaiting; call is not null; call = call.Next) Look(call);
        foreach (ref Slot slot in _slots.AsSpan())
        {
            if (slot.Call is not null) Look(slot.Call);
        }

        return earliest;

        void Look(PendingCall call)
        {
            if (call.Deadline <= now) calls.Add(call);
            else earliest = Math.Min(earliest, call.Deadline);
        }
    }

    private struct Slot
    {
        public PendingCall? Call;
        public ushort Uses;
        public bool IsOpen;
    }
}
