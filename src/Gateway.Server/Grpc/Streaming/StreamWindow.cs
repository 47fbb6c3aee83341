using Gateway.Core.Memory;
using Gateway.Protocol.Frames;

namespace Gateway.Server.Grpc.Streaming;

/// <summary>The requests of one stream that are in flight: how many there may be, and which there are.</summary>
/// <remarks><b>Threading</b>: one reader opens and waits, one sender closes, anyone cancels. <b>Cost</b>: calls are made as they are needed, and used again.</remarks>
internal sealed class StreamWindow(StreamSender sender, BlockPool pool, int most, long mostBytes)
{
    private readonly Lock _lock = new();
    private readonly List<StreamCall> _calls = [];
    private readonly Stack<StreamCall> _free = new();
    private readonly AutoSignal _closed = new();
    private long _bytes;
    private int _open;
    private bool _isWaiting;

    public bool HasRoom
    {
        get
        {
            lock (_lock) return HasRoomUnderLock();
        }
    }

    /// <summary>Takes a request in; the caller has seen that there is room.</summary>
    public StreamCall Open()
    {
        lock (_lock)
        {
            if (!_free.TryPop(out StreamCall? call)) _calls.Add(call = new StreamCall(sender, pool));
            _open++;
            call.IsOpen = true;
            return call;
        }
    }

    /// <summary>Says how many bytes of input or output a call holds from now on.</summary>
    public void Charge(StreamCall call, long bytes)
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
    public void Close(StreamCall call)
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
        StreamCall[] open;
        lock (_lock) open = [.. _calls.Where(call => call.IsOpen)];
        foreach (StreamCall call in open) call.Cancel();
    }

    private bool MustWakeUnderLock()
    {
        if (!_isWaiting || !(HasRoomUnderLock() || _open == 0)) return false;
        _isWaiting = false;
        return true;
    }

    private bool HasRoomUnderLock() => _open < most && (_bytes < mostBytes || _open == 0);
}
