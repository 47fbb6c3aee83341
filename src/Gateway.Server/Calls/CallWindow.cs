using System.Runtime.InteropServices;
using Gateway.Protocol.Frames;

namespace Gateway.Server.Calls;

/// <summary>The calls of one connection or stream that are in flight: how many there may be, and which there are.</summary>
/// <remarks><b>Threading</b>: one reader opens and waits, one sender closes; both charge; anyone cancels. <b>Cost</b>: calls are made as they are needed, and used again.</remarks>
/// <param name="make">Makes a call.</param>
/// <param name="mostBytes">Most bytes of input or output that the calls hold together; one alone may hold more.</param>
internal sealed class CallWindow<TCall>(Func<TCall> make, long mostBytes)
    where TCall : PipelinedCall<TCall>
{
    private readonly Lock _lock = new();
    private readonly List<TCall> _calls = [];
    private readonly Stack<TCall> _free = new();
    private readonly AutoSignal _closed = new();
    private long _bytes;
    private int _open;
    private bool _isWaiting;

    /// <summary>Most calls.</summary>
    public int Most { get; set; }

    /// <summary>Calls in flight.</summary>
    public int Count
    {
        get
        {
            lock (_lock) return _open;
        }
    }

    public bool HasRoom
    {
        get
        {
            lock (_lock) return HasRoomUnderLock();
        }
    }

    /// <summary>All calls, open or not; for the one who opens them alone.</summary>
    public ReadOnlySpan<TCall> Calls => CollectionsMarshal.AsSpan(_calls);

    /// <summary>Takes a call in if there is room.</summary>
    /// <returns>Null when there is none: see <see cref="WaitAsync"/>.</returns>
    public TCall? TryOpen()
    {
        lock (_lock) return HasRoomUnderLock() ? OpenUnderLock() : null;
    }

    /// <summary>Takes a call in; the caller has seen that there is room.</summary>
    public TCall Open()
    {
        lock (_lock) return OpenUnderLock();
    }

    /// <summary>Says how many bytes of input or output a call holds from now on.</summary>
    public void Charge(TCall call, long bytes)
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
    public void Close(TCall call)
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

    /// <summary>Gives up all calls. One that is opened meanwhile must be given up by its opener.</summary>
    public void CancelAll()
    {
        TCall[] open;
        lock (_lock) open = [.. _calls.Where(call => call.IsOpen)];
        foreach (TCall call in open) call.Cancel();
    }

    private TCall OpenUnderLock()
    {
        if (!_free.TryPop(out TCall? call)) _calls.Add(call = make());
        _open++;
        call.IsOpen = true;
        return call;
    }

    private bool MustWakeUnderLock()
    {
        if (!_isWaiting || !(HasRoomUnderLock() || _open == 0)) return false;
        _isWaiting = false;
        return true;
    }

    private bool HasRoomUnderLock() => _open < Most && (_bytes < mostBytes || _open == 0);
}
