using System.Runtime.ExceptionServices;

namespace Gateway.Core.Execution.Devices;

/// <summary>Orders to a device with queues, given by one thread on behalf of all callers.</summary>
/// <remarks>
/// One thread, because CUDA's provider keeps what it has for each thread that it is called from, recorded graphs among it.
/// <b>Cost</b>: two hand-overs a batch, while the device still does what it was told before; no allocation.
/// </remarks>
public sealed class ThreadedOrders : DeviceOrders
{
    private readonly Queue<(DeviceSlot Slot, int Rows, TimeProvider Time)> _waiting = new();
    private readonly Thread _thread;
    private bool _isStopped;

    public ThreadedOrders()
    {
        _thread = new Thread(Run) { IsBackground = true, Name = "device orders" };
        _thread.Start();
    }

    public override bool IsQueued => true;

    public override void Give(DeviceSlot slot, int rows, TimeProvider time)
    {
        slot.IsTold.Reset();
        lock (_waiting)
        {
            ObjectDisposedException.ThrowIf(_isStopped, this);
            _waiting.Enqueue((slot, rows, time));
            Monitor.Pulse(_waiting);
        }

        slot.IsTold.Wait();
        if (slot.Failure is not { } failure) return;
        slot.Failure = null;
        failure.Throw();
    }

    public override void Dispose()
    {
        lock (_waiting)
        {
            _isStopped = true;
            Monitor.Pulse(_waiting);
        }

        _thread.Join();
        base.Dispose();
    }

    private void Run()
    {
        while (TryTake(out (DeviceSlot Slot, int Rows, TimeProvider Time) next))
        {
            try
            {
                next.Slot.Tell(next.Rows, next.Time);
            }
            catch (Exception error)
            {
                // The caller's to handle, whatever it is.
                next.Slot.Failure = ExceptionDispatchInfo.Capture(error);
            }

            next.Slot.IsTold.Set();
        }
    }

    private bool TryTake(out (DeviceSlot Slot, int Rows, TimeProvider Time) next)
    {
        lock (_waiting)
        {
            while (_waiting.Count == 0 && !_isStopped) Monitor.Wait(_waiting);
            return _waiting.TryDequeue(out next);
        }
    }
}
