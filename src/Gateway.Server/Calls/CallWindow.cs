using Gateway.Protocol.Frames;

namespace Gateway.Server.Frames;

/// <summary>The calls of one connection that are in flight: how many there may be, and which there are.</summary>
/// <remarks><b>Threading</b>: one reader opens and waits, one sender closes; both charge. <b>Cost</b>: calls are made as they are needed, and used again.</remarks>
internal sealed class CallWindow(FrameSender sender, long mostBytes)
{
    private readonly Lock _lock = new();
    private readonly List<FrameCall> _calls = [];
    private readonly Stack<FrameCall> _free = new();
    private readonly AutoSignal _closed = new();
    private long _bytes;
    private int _open;
    private bool _isWaiting;

    /// <summary>Most calls, which the hello may lower.</summary>
    public int Most { get; set; }

    /// <summary>Calls in flight.</summary>
    public int Open
    {
        get
        {
            lock (_lock) return _open;
        }
    }

    /// <summary>Takes a call in if there is room.</summary>
    /// <returns>Null when there is none: see <see cref="WaitAsync"/>.</returns>
    public FrameCall? TryOpen(uint number)
    {
        lock (_lock)
        {
            if (!HasRoomUnderLock()) return null;
            if (!_free.TryPop(out FrameCall? call)) _calls.Add(call = new FrameCall(sender));
            _open++;
            call.Number = number;
            call.IsOpen = true;
            return call;
        }
    }

    /// <summary>Says how many bytes of input or output a call holds from now on.</summary>
    public void Charge(FrameCall call, long bytes)
    {
        bool mustWake;
        lock (_lock)
        {
            _bytes += bytes - call.Bytes;
            call.Bytes = bytes;
            mustWake = MustWakeUnderLock();
        }

        if (mustWake) _closed.Set();
    }

    /// <summary>A call's answer has been written.</summary>
    public void Close(FrameCall call)
    {
        bool mustWake;
        lock (_lock)
        {
            _open--;
            _bytes -= call.Bytes;
            call.Bytes = 0;
            call.IsOpen = false;
            _free.Push(call);
            mustWake = MustWakeUnderLock();
        }

        if (mustWake) _closed.Set();
    }

    /// <summary>Waits for room, or for the last call to be closed.</summary>
    /// <param name="forAll">Whether to wait until no call is left.</param>
    public async ValueTask WaitAsync(bool forAll)
    {
        while (true)
        {
            lock (_lock)
            {
                if (forAll ? _open == 0 : HasRoomUnderLock()) return;
                _isWaiting = true;
            }

            await _closed.WaitAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Gives up the calls of this number; those that are answered already are left alone. Only the reader may ask, so that none is opened meanwhile.</summary>
    public void Cancel(uint number)
    {
        foreach (FrameCall call in _calls)
        {
            if (call.Number == number) call.Cancel();
        }
    }

    public void CancelAll()
    {
        foreach (FrameCall call in Snapshot()) call.Cancel();
    }

    /// <summary>The open calls. Each may be closed meanwhile, but only the reader, who asks, opens it anew.</summary>
    private FrameCall[] Snapshot()
    {
        lock (_lock) return [.. _calls.Where(call => call.IsOpen)];
    }

    private bool MustWakeUnderLock()
    {
        if (!_isWaiting || !(HasRoomUnderLock() || _open == 0)) return false;
        _isWaiting = false;
        return true;
    }

    private bool HasRoomUnderLock() => _open < Most && (_bytes < mostBytes || _open == 0);
}
