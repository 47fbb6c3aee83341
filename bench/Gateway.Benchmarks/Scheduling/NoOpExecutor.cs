using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Protocol.Tensors;

namespace Gateway.Benchmarks.Scheduling;

/// <summary>A model whose run costs nothing: what is measured with it is the engine.</summary>
/// <remarks>Outputs are used again once released. <b>Threading</b>: as <see cref="IModelExecutor"/>.</remarks>
internal sealed class NoOpExecutor(ModelLayout layout, BlockPool pool, TimeProvider time) : IModelExecutor
{
    private readonly Lock _lock = new();
    private readonly Stack<Output> _free = new();

    public BatchOutput Execute(Batch batch)
    {
        Output? output;
        lock (_lock) _free.TryPop(out output);
        output ??= new Output(this, layout, pool);
        batch.RunStart = time.GetTimestamp();
        batch.RunEnd = batch.RunStart;
        output.LendRows(batch.PaddedRows);
        return output;
    }

    public void Terminate()
    {
        // A run is over before it could be cut short.
    }

    public void Dispose()
    {
        foreach (Output output in _free) output.Free();
    }

    private sealed unsafe class Output : BatchOutput
    {
        private readonly NoOpExecutor _owner;
        private readonly TensorSpec _spec;
        private readonly TensorShape _oneRow;
        private readonly MemoryBlock _block;

        public Output(NoOpExecutor owner, ModelLayout layout, BlockPool pool)
            : base(outputs: 1)
        {
            _owner = owner;
            _spec = layout.Outputs[0];
            _oneRow = new TensorShape([1, .. _spec.ClientDims.Dims]);
            if (!pool.TryRent((long)_spec.RowBytes * layout.MaxBatchRows, BlockOwner.OutputSlab, out _block!)) throw new ExecutionException("no memory");
        }

        public void LendRows(int rows)
        {
            TensorShape shape = _oneRow;
            shape[0] = rows;
            Tensors[0] = new() { DataType = _spec.DataType, Shape = shape, Address = _block.Address, ByteLength = rows * _spec.RowBytes };
            Lend();
        }

        public void Free() => _block.Release();

        protected override void OnReleased()
        {
            lock (_owner._lock) _owner._free.Push(this);
        }
    }
}
