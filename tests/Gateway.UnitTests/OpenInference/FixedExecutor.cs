using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.OpenInference;

/// <summary>Answers every batch with the same two slabs and allocates nothing, so that what is allocated is the server's.</summary>
internal sealed unsafe class FixedExecutor : IModelExecutor
{
    private readonly ModelLayout _layout;
    private readonly Slab[] _slabs;

    public FixedExecutor(ModelLayout layout, BlockPool pool)
    {
        _layout = layout;
        _slabs = [new Slab(pool, layout), new Slab(pool, layout)];
    }

    public BatchOutput Execute(Batch batch)
    {
        batch.RunStart = 1;
        batch.RunEnd = 2;
        while (true)
        {
            foreach (Slab slab in _slabs)
            {
                if (slab.TryLend()) return Fill(slab, batch);
            }

            Thread.Yield();
        }
    }

    public void Terminate()
    {
    }

    public void Dispose()
    {
        foreach (Slab slab in _slabs) slab.Free();
    }

    private Slab Fill(Slab slab, Batch batch)
    {
        TensorShape shape = default;
        shape.TryAdd(batch.PaddedRows);
        foreach (long dimension in _layout.Outputs[0].ClientDims.Dims) shape.TryAdd(dimension);
        slab.Tensors[0] = new OutputTensor
        {
            DataType = _layout.Outputs[0].DataType,
            Shape = shape,
            Address = slab.Address,
            ByteLength = batch.PaddedRows * _layout.Outputs[0].RowBytes,
        };
        return slab;
    }

    private sealed class Slab : BatchOutput
    {
        private readonly MemoryBlock _block;
        private int _isLent;

        public Slab(BlockPool pool, ModelLayout layout)
            : base(1)
        {
            Assert.True(pool.TryRent((long)layout.MaxBatchRows * layout.Outputs[0].RowBytes, BlockOwner.OutputSlab, out MemoryBlock? block));
            _block = block;
        }

        public byte* Address => _block.Address;

        public bool TryLend()
        {
            if (Interlocked.Exchange(ref _isLent, 1) != 0) return false;
            Lend();
            return true;
        }

        public void Free() => _block.Release();

        protected override void OnReleased() => Volatile.Write(ref _isLent, 0);
    }
}
