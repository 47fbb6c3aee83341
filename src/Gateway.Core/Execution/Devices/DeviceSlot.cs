using System.Runtime.ExceptionServices;

namespace Gateway.Core.Execution.Devices;

/// <summary>Memory for one batch on both sides of a device, with what is bound to it; lent out as the output of the batch that ran in it.</summary>
/// <remarks>
/// <b>Behaviour</b>: a batch goes through <see cref="Upload"/>, <see cref="Run"/> and <see cref="Download"/>, each with the same rows; afterwards its outputs lie in
/// host memory once <see cref="Finish"/> has returned. <b>Threading</b>: one batch at a time; the stages as <see cref="DeviceOrders"/> says, <see cref="Finish"/> beside those of others.
/// <b>Ownership</b>: its <see cref="DevicePipeline"/>'s. The memory goes when the slot is retired and nobody reads from it any more.
/// <b>Cost</b>: no allocation once a number of rows has been run before.
/// </remarks>
public abstract class DeviceSlot(int outputs) : BatchOutput(outputs)
{
    // 1 while its pipeline lives and 1 while it is lent out; whoever takes the last one frees the memory.
    private int _holders = 1;

    internal DevicePipeline? Pipeline { get; set; }

    /// <summary>Set when its orders were given, or one of them failed.</summary>
    internal ManualResetEventSlim IsTold { get; } = new();

    internal ExceptionDispatchInfo? Failure { get; set; }

    /// <summary>When the device was told to run, and when it had been told.</summary>
    internal (long Start, long End) RunTold { get; private set; }

    /// <summary>Host memory of one input, for all the rows there is room for.</summary>
    public abstract Span<byte> Input(int index);

    /// <exception cref="ExecutionException">The stage failed.</exception>
    public abstract void Upload(int rows);

    /// <exception cref="ExecutionException">The stage failed.</exception>
    public abstract void Run(int rows);

    /// <exception cref="ExecutionException">The stage failed.</exception>
    public abstract void Download(int rows);

    /// <summary>Waits until a device that has queues has done all three stages.</summary>
    /// <returns>What the device took for the run and for the way back; of a device without queues nothing that counts.</returns>
    /// <exception cref="ExecutionException">One of the stages failed.</exception>
    public virtual (TimeSpan Run, TimeSpan Download) Finish() => default;

    /// <summary>A stage could not be told: waits until the device has nothing to do with this memory any more. Does not throw.</summary>
    protected virtual void Settle()
    {
    }

    /// <summary>Says in <see cref="BatchOutput.Tensors"/> where the outputs of a batch of so many rows lie.</summary>
    protected abstract void Describe(int rows);

    /// <summary>Gives all memory back; no stage is called again. Any thread.</summary>
    protected abstract void FreeMemory();

    internal void Tell(int rows, TimeProvider time)
    {
        try
        {
            Upload(rows);
            long start = time.GetTimestamp();
            Run(rows);
            RunTold = (start, time.GetTimestamp());
            Download(rows);
        }
        catch
        {
            // Before the next batch is told: what this one left under way is over when its memory is somebody else's.
            Settle();
            throw;
        }
    }

    internal void LendRows(int rows)
    {
        Describe(rows);
        Interlocked.Increment(ref _holders);
        Lend();
    }

    /// <summary>Its pipeline is gone: no batch will run in it again.</summary>
    internal void Retire() => LetGo();

    protected sealed override void OnReleased()
    {
        Pipeline!.Return(this);
        LetGo();
    }

    private void LetGo()
    {
        if (Interlocked.Decrement(ref _holders) == 0) FreeMemory();
    }
}
