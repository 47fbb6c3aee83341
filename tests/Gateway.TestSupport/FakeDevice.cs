using System.Runtime.InteropServices;
using Gateway.Core.Execution;
using Gateway.Core.Execution.Devices;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;

namespace Gateway.TestSupport;

/// <summary>A device whose stages do what a test says: take their time, fail, run out of memory, get lost; at once, or in queues of their own as <see cref="DeviceOrders.IsQueued"/> says.</summary>
/// <remarks>
/// Plays the model of <see cref="PuppetRun"/>: each INT64 <i>x</i> gives <see cref="PuppetRun.Answer(long)"/>. Rows really go through its own memory, so that a batch
/// run with another's rows gives other answers. <b>Threading</b>: any.
/// </remarks>
public sealed class FakeDevice(ModelLayout layout, BlockPool pool, bool isQueued)
{
    private readonly Lock _lock = new();
    private readonly List<string> _log = [];
    private readonly Dictionary<string, Task> _queues = new() { ["upload"] = Task.CompletedTask, ["run"] = Task.CompletedTask, ["download"] = Task.CompletedTask };
    private int _inStage;
    private int _slots;

    /// <summary>Called in every stage, with its name and the batch's rows; may wait or throw.</summary>
    public Action<string, int> OnStage { get; set; } = (_, _) => { };

    /// <summary>Most stages that were under way at the same time.</summary>
    public int MostAtOnce { get; private set; }

    /// <summary>Slots that have not been freed.</summary>
    public int OpenSlots => Volatile.Read(ref _slots);

    /// <summary>What was done, in order: <c>upload 3</c>.</summary>
    public IReadOnlyList<string> Log
    {
        get
        {
            lock (_lock) return [.. _log];
        }
    }

    public DeviceSlot CreateSlot() => new Slot(this);

    /// <summary>As of a provider that found that there is no memory for a batch.</summary>
    public static ExecutionException OutOfMemory() => new("out of memory", failure: ExecutionFailure.OutOfMemory);

    public static ExecutionException Lost() => new("the device is lost", failure: ExecutionFailure.DeviceLost);

    private void Stage(string name, int rows)
    {
        lock (_lock)
        {
            _log.Add($"{name} {rows}");
            MostAtOnce = Math.Max(MostAtOnce, ++_inStage);
        }

        try
        {
            OnStage(name, rows);
        }
        finally
        {
            lock (_lock) _inStage--;
        }
    }

    /// <summary>Does a stage: now, or when the stage's queue comes to it and <paramref name="before"/> is done.</summary>
    private Task Do(string name, int rows, Task before, Action work)
    {
        if (!isQueued)
        {
            Stage(name, rows);
            work();
            return Task.CompletedTask;
        }

        lock (_queues)
        {
            Task ahead = _queues[name];
            return _queues[name] = Task.Run(async () =>
            {
                await ahead.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                await before.ConfigureAwait(false);
                Stage(name, rows);
                work();
            });
        }
    }

    private sealed unsafe class Slot : DeviceSlot
    {
        private readonly FakeDevice _device;
        private readonly int _rowBytes;
        private readonly MemoryBlock _input;
        private readonly MemoryBlock _output;
        private readonly long[] _onDevice;
        private Task _done = Task.CompletedTask;

        public Slot(FakeDevice device)
            : base(1)
        {
            _device = device;
            _rowBytes = device.Layout.Inputs[0].RowBytes;
            int bytes = _rowBytes * device.Layout.MaxBatchRows;
            if (!device.Pool.TryRent(bytes, BlockOwner.InputSlab, out MemoryBlock? input) || !device.Pool.TryRent(bytes, BlockOwner.OutputSlab, out MemoryBlock? output))
            {
                throw new InvalidOperationException("The test's pool is too small.");
            }

            (_input, _output) = (input, output);
            _onDevice = new long[bytes / sizeof(long)];
            Interlocked.Increment(ref device._slots);
        }

        public override Span<byte> Input(int index) => _input.Span;

        public override void Upload(int rows) => _done = _device.Do("upload", rows, Task.CompletedTask, () => Numbers(_input, rows).CopyTo(_onDevice));

        public override void Run(int rows) => _done = _device.Do("run", rows, _done, () =>
        {
            foreach (ref long number in _onDevice.AsSpan(0, rows * _rowBytes / sizeof(long))) number = PuppetRun.Answer(number);
        });

        public override void Download(int rows) => _done = _device.Do("download", rows, _done, () => _onDevice.AsSpan(0, rows * _rowBytes / sizeof(long)).CopyTo(Numbers(_output, rows)));

        public override (TimeSpan Run, TimeSpan Download) Finish()
        {
            _done.GetAwaiter().GetResult();
            return default;
        }

        protected override void Settle() => _done.ContinueWith(static _ => { }, TaskScheduler.Default).Wait();

        protected override void Describe(int rows) =>
            Tensors[0] = new OutputTensor { DataType = DataType.Int64, Shape = new TensorShape([rows, .. _device.Layout.Outputs[0].ClientDims.Dims]), Address = _output.Address, ByteLength = rows * _rowBytes };

        protected override void FreeMemory()
        {
            _input.Release();
            _output.Release();
            Interlocked.Decrement(ref _device._slots);
        }

        private Span<long> Numbers(MemoryBlock block, int rows) => MemoryMarshal.Cast<byte, long>(block.Span[..(rows * _rowBytes)]);
    }

    private ModelLayout Layout { get; } = layout;

    private BlockPool Pool { get; } = pool;
}
