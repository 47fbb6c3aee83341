using System.Runtime.InteropServices;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;

namespace Gateway.TestSupport;

/// <summary>A model that answers each number with a function of it, fails on poisoned numbers, and on request mixes rows up.</summary>
/// <remarks>
/// <b>Behaviour</b>: one INT64 input and output of any row shape. A batch with a poisoned number fails as a whole, as a model does. <b>Cost</b>: allocates
/// nothing once it has seen its largest batch, so that what a test measures is the engine's.
/// </remarks>
public sealed unsafe class NumberModel(BlockPool pool, TimeProvider time, int seed) : IModelExecutor
{
    /// <summary>A number with this bit set makes its batch fail.</summary>
    public const long Poison = 1L << 62;

    private readonly Random _random = new(seed);
    private readonly Lock _lock = new();
    private readonly Stack<Output> _free = new();
    private volatile bool _isTerminated;

    /// <summary>Swaps the first two rows of different requests: the broken control that a test of row identity has to detect.</summary>
    public bool MixesRowsUp { get; init; }

    /// <summary>Most spins of a run, drawn anew for each.</summary>
    public int MostSpins { get; init; }

    /// <summary>What the model gives for a number.</summary>
    public static long Answer(long number) => (long)(((ulong)number ^ 0x5DEECE66D) * 0x9E3779B97F4A7C15);

    public bool CanRunAnywhere => true;

    public BatchOutput Execute(Batch batch)
    {
        TensorShape shape = batch.InputShape(0, isBatching: true);
        shape.TryCountElements(out long elements, start: 1);
        int rowElements = (int)elements;
        Output output = Rent(batch.PaddedRows * rowElements * sizeof(long));
        output.Describe(shape);
        Span<long> answers = MemoryMarshal.Cast<byte, long>(output.Block.Span);
        bool isPoisoned = false;
        batch.RunStart = time.GetTimestamp();
        foreach (BatchSlice slice in batch.Slices)
        {
            ReadOnlySpan<long> numbers = MemoryMarshal.Cast<byte, long>(slice.Request.Inputs[0].Bytes(slice.Request.Block));
            for (int i = 0; i < slice.Rows * rowElements; i++)
            {
                long number = numbers[(slice.FirstRow * rowElements) + i];
                isPoisoned |= (number & Poison) != 0;
                answers[(slice.BatchRow * rowElements) + i] = Answer(number);
            }
        }

        if (MixesRowsUp && batch.Slices.Length > 1)
        {
            int other = batch.Slices[1].BatchRow * rowElements;
            (answers[0], answers[other]) = (answers[other], answers[0]);
        }

        if (MostSpins > 0) Thread.SpinWait(_random.Next(MostSpins));
        batch.RunEnd = time.GetTimestamp();
        output.LendOut();
        if (!isPoisoned && !_isTerminated) return output;
        output.Release();
        throw new ExecutionException(isPoisoned ? "poison" : "terminated");
    }

    public void Terminate() => _isTerminated = true;

    public void Dispose()
    {
    }

    private Output Rent(int bytes)
    {
        Output? output;
        lock (_lock)
        {
            if (!_free.TryPop(out output)) output = new Output(this);
        }

        if (!pool.TryRent(bytes, BlockOwner.OutputSlab, out MemoryBlock? block)) throw new ExecutionException("no memory");
        output.Block = block;
        return output;
    }

    private sealed class Output(NumberModel model) : BatchOutput(1)
    {
        public MemoryBlock Block { get; set; } = null!;

        public void Describe(TensorShape shape)
        {
            shape.TryCountElements(out long elements);
            Tensors[0] = new OutputTensor { DataType = DataType.Int64, Shape = shape, Address = Block.Address, ByteLength = (int)elements * sizeof(long) };
        }

        public void LendOut() => Lend();

        protected override void OnReleased()
        {
            Block.Release();
            lock (model._lock) model._free.Push(this);
        }
    }
}
