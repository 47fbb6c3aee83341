using Gateway.Core.Models;

namespace Gateway.Core.Execution.Devices;

/// <summary>Takes batches through a device's stages, several at a time: while one runs, the next is uploaded and the last one's outputs come back.</summary>
/// <remarks>
/// <b>Behaviour</b>: each caller of <see cref="Execute"/> is a lane; it has the device told all that is to be done with its batch, and waits for that by itself, so
/// that the next lane's batch is there before this one's is done. There is one slot more than lanes, so that a lane need not wait for the answers of its last batch to be encoded.
/// <b>Threading</b>: any number of lanes; leases come back from any thread. <b>Ownership</b>: of the slots; counted, as <see cref="DeviceInstance"/> says.
/// <b>Cost</b>: no allocation a batch; one copy of each row before the upload.
/// </remarks>
public sealed class DevicePipeline
{
    private readonly ModelLayout _layout;
    private readonly DeviceOrders _orders;
    private readonly TimeProvider _time;
    private readonly Action _onTerminate;
    private readonly Action _onClosed;
    private readonly DeviceLoss _loss;
    private readonly List<DeviceSlot> _slots = [];
    private readonly Stack<DeviceSlot> _free = new();
    private readonly object _freeLock = new();

    // By whoever loads it, before it is served.
    private readonly HashSet<int> _sizesRun = [];
    private bool _isTerminated;

    // Whoever made it holds it first.
    private int _holders = 1;

    /// <param name="lanes">Batches under way at once, at least 1.</param>
    /// <param name="createSlot">Makes one slot; called <paramref name="lanes"/> + 1 times.</param>
    /// <param name="onTerminate">Cuts short what runs.</param>
    /// <param name="onClosed">Called once, when nobody holds it any more and no stage will be called again.</param>
    /// <param name="loss">Shared by all pipelines on the same session; null where there is no other.</param>
    public DevicePipeline(
        ModelLayout layout, DeviceOrders orders, int lanes, Func<DeviceSlot> createSlot, TimeProvider time, Action? onTerminate = null, Action? onClosed = null, DeviceLoss? loss = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(lanes, 1);
        _layout = layout;
        _orders = orders;
        _time = time;
        _onTerminate = onTerminate ?? (() => { });
        _onClosed = onClosed ?? (() => { });
        _loss = loss ?? new DeviceLoss();
        try
        {
            for (int i = 0; i <= lanes; i++)
            {
                DeviceSlot slot = createSlot();
                slot.Pipeline = this;
                _slots.Add(slot);
                _free.Push(slot);
            }
        }
        catch
        {
            Close();
            throw;
        }
    }

    internal BatchOutput Execute(Batch batch)
    {
        DeviceSlot slot = Rent();
        try
        {
            for (int i = 0; i < _layout.Inputs.Count; i++) RowGather.Into(batch, i, _layout.Inputs[i].RowBytes, slot.Input(i));
            batch.UploadStart = _time.GetTimestamp();
            _orders.Give(slot, batch.PaddedRows, _time);
            (TimeSpan run, TimeSpan download) = slot.Finish();
            batch.DownloadEnd = _time.GetTimestamp();
            batch.RunEnd = _orders.IsQueued ? batch.DownloadEnd - Ticks(download) : slot.RunTold.End;
            batch.RunStart = _orders.IsQueued ? Math.Max(batch.UploadStart, batch.RunEnd - Ticks(run)) : slot.RunTold.Start;
        }
        catch (Exception error)
        {
            if (error is ExecutionException { Failure: ExecutionFailure.DeviceLost }) Lose();
            Return(slot);
            throw;
        }

        slot.LendRows(batch.PaddedRows);
        return slot;
    }

    /// <summary>Ticks of one batch of zeros through all stages, with nothing beside it.</summary>
    internal long Measure(int rows)
    {
        DeviceSlot slot = Rent();
        try
        {
            return Run(slot, rows);
        }
        finally
        {
            Return(slot);
        }
    }

    /// <summary>Those that <see cref="Prepare"/> was called for: the pipeline that takes this one's place is to be prepared for them too.</summary>
    internal IReadOnlyCollection<int> SizesRun => _sizesRun;

    /// <summary>Has every slot run a batch of zeros once, unless that has been done. By whoever loads it, before batches come.</summary>
    /// <exception cref="ExecutionException">A run failed.</exception>
    public void Prepare(int rows)
    {
        if (_sizesRun.Contains(rows)) return;
        foreach (DeviceSlot slot in _slots) Run(slot, rows);
        _sizesRun.Add(rows);
    }

    private long Run(DeviceSlot slot, int rows)
    {
        for (int i = 0; i < _layout.Inputs.Count; i++) slot.Input(i)[..(rows * _layout.Inputs[i].RowBytes)].Clear();
        long start = _time.GetTimestamp();
        _orders.Give(slot, rows, _time);
        slot.Finish();
        return _time.GetTimestamp() - start;
    }

    /// <summary>Ends a wait for a free slot, and fails every run from now on.</summary>
    internal void Terminate()
    {
        lock (_freeLock)
        {
            _isTerminated = true;
            Monitor.PulseAll(_freeLock);
        }

        _onTerminate();
    }

    /// <summary>Its device is gone: every lane, and those of other pipelines on the same session, are to find that out with their next batch, the idle ones too.</summary>
    private void Lose()
    {
        _loss.Note();
        lock (_freeLock) Monitor.PulseAll(_freeLock);
    }

    internal void Return(DeviceSlot slot)
    {
        lock (_freeLock)
        {
            _free.Push(slot);
            Monitor.Pulse(_freeLock);
        }
    }

    /// <summary>Whether nobody holds it any more: no stage of it is under way, and its memory is free but for answers on their way out.</summary>
    internal bool IsClosed => Volatile.Read(ref _holders) == 0;

    internal void Hold() => Interlocked.Increment(ref _holders);

    /// <summary>The last to let go closes it; whoever made it holds it first.</summary>
    public void LetGo()
    {
        if (Interlocked.Decrement(ref _holders) == 0) Close();
    }

    private long Ticks(TimeSpan time) => (long)(time.TotalSeconds * _time.TimestampFrequency);

    private void Close()
    {
        // Answers of the last batches may still be on their way out: their slots' memory is freed when they are done.
        foreach (DeviceSlot slot in _slots) slot.Retire();
        _onClosed();
    }

    private DeviceSlot Rent()
    {
        lock (_freeLock)
        {
            while (_free.Count == 0 && !_isTerminated && !_loss.IsKnown) Monitor.Wait(_freeLock);
            if (_loss.IsKnown && !_isTerminated) throw new ExecutionException("the device is lost", failure: ExecutionFailure.DeviceAway);
            return _isTerminated ? throw new ExecutionException("The run was cut short") : _free.Pop();
        }
    }
}
