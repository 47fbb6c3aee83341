using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Sessions;
using Gateway.OnnxRuntime.Values;
using Gateway.Protocol.Tensors;

namespace Gateway.OnnxRuntime.Backend;

/// <summary>An input slab and an output slab with a binding for each batch size; lent out as the output of the batch that ran in it.</summary>
/// <remarks><b>Ownership</b>: its <see cref="SlabRunner"/>'s; the blocks go back to the pool when it has been retired and nobody reads from it.</remarks>
internal sealed unsafe class SlabSet : BatchOutput
{
    /// <summary>Where each tensor begins in a slab: a cache line, which is also as much as any vector unit asks for.</summary>
    public const int Alignment = 64;

    // Bindings for every size are made at load up to here; larger batches get theirs when one first forms.
    private const int BoundAhead = 128;

    private readonly ModelLayout _layout;
    private readonly OrtSession _session;
    private readonly SlabRunner _runner;
    private readonly MemoryBlock _inputs;
    private readonly MemoryBlock _outputs;
    private readonly int[] _inputOffsets;
    private readonly int[] _outputOffsets;

    // For one row each, so that lending only has to set the rows.
    private readonly TensorShape[] _outputShapes;
    private readonly OrtIoBinding?[] _bindings;

    // 1 while its runner lives and 1 while it is lent out; whoever takes the last one frees the memory.
    private int _holders = 1;

    public SlabSet(ModelLayout layout, OrtSession session, BlockPool pool, SlabRunner runner)
        : base(layout.Outputs.Count)
    {
        _layout = layout;
        _session = session;
        _runner = runner;
        (_inputOffsets, long inputBytes) = Arrange(layout.Inputs, layout.MaxBatchRows);
        (_outputOffsets, long outputBytes) = Arrange(layout.Outputs, layout.MaxBatchRows);
        _bindings = new OrtIoBinding?[layout.MaxBatchRows + 1];
        _outputShapes = [.. layout.Outputs.Select(spec => _layout.ForRows(spec.ClientDims, 1))];
        _inputs = Rent(pool, inputBytes, BlockOwner.InputSlab);
        try
        {
            _outputs = Rent(pool, outputBytes, BlockOwner.OutputSlab);
        }
        catch
        {
            _inputs.Release();
            throw;
        }

        try
        {
            for (int rows = 1; rows <= Math.Min(layout.MaxBatchRows, BoundAhead); rows++) Binding(rows);
        }
        catch
        {
            FreeMemory();
            throw;
        }
    }

    /// <summary>The slab of one input, for all the rows it has room for.</summary>
    public Span<byte> Input(int index) => _inputs.Span.Slice(_inputOffsets[index], _layout.Inputs[index].RowBytes * _layout.MaxBatchRows);

    /// <summary>Fills the input slab with zeros.</summary>
    public void Clear() => _inputs.Span.Clear();

    /// <summary>Inputs and outputs bound for a batch of <paramref name="rows"/>.</summary>
    public OrtIoBinding Binding(int rows)
    {
        if (_bindings[rows] is { } bound) return bound;
        OrtIoBinding binding = _session.CreateBinding();
        try
        {
            for (int i = 0; i < _layout.Inputs.Count; i++)
            {
                using OrtValue value = Over(_inputs, _inputOffsets[i], _layout.Inputs[i], rows);
                binding.BindInput(_layout.Inputs[i].Name, value);
            }

            BindOutputs(binding, rows);
        }
        catch
        {
            binding.Dispose();
            throw;
        }

        return _bindings[rows] = binding;
    }

    /// <summary>Binds the output slab for a batch of <paramref name="rows"/>.</summary>
    public void BindOutputs(OrtIoBinding binding, int rows)
    {
        for (int i = 0; i < _layout.Outputs.Count; i++)
        {
            using OrtValue value = Over(_outputs, _outputOffsets[i], _layout.Outputs[i], rows);
            binding.BindOutput(_layout.Outputs[i].Name, value);
        }
    }

    /// <summary>The shape that the model file gives a tensor for a batch of <paramref name="rows"/>.</summary>
    public TensorShape ModelShape(TensorSpec spec, int rows) => _layout.ForRows(spec.ModelDims, rows);

    /// <summary>Lends out the outputs of a batch of <paramref name="rows"/>.</summary>
    public void LendRows(int rows)
    {
        for (int i = 0; i < _layout.Outputs.Count; i++)
        {
            TensorSpec spec = _layout.Outputs[i];
            TensorShape shape = _outputShapes[i];
            if (_layout.IsBatching) shape[0] = rows;
            Tensors[i] = new OutputTensor
            {
                DataType = spec.DataType,
                Shape = shape,
                Address = _outputs.Address + _outputOffsets[i],
                ByteLength = spec.RowBytes * rows,
            };
        }

        Interlocked.Increment(ref _holders);
        Lend();
    }

    /// <summary>Its runner is gone: no batch will run in it again.</summary>
    public void Retire()
    {
        foreach (OrtIoBinding? binding in _bindings) binding?.Dispose();
        LetGo();
    }

    protected override void OnReleased()
    {
        _runner.Return(this);
        LetGo();
    }

    private void LetGo()
    {
        if (Interlocked.Decrement(ref _holders) == 0) FreeMemory();
    }

    private void FreeMemory()
    {
        _inputs.Release();
        _outputs.Release();
    }

    private OrtValue Over(MemoryBlock block, int offset, TensorSpec spec, int rows)
    {
        TensorShape shape = ModelShape(spec, rows);
        return OrtValue.OverMemory(OrtMemoryInfo.Cpu, (nint)(block.Address + offset), (nuint)(spec.RowBytes * rows), shape.Dims, spec.DataType);
    }

    private static (int[] Offsets, long Bytes) Arrange(IReadOnlyList<TensorSpec> specs, int rows)
    {
        int[] offsets = new int[specs.Count];
        long end = 0;
        for (int i = 0; i < specs.Count; i++)
        {
            offsets[i] = (int)end;
            end += (((long)specs[i].RowBytes * rows) + Alignment - 1) / Alignment * Alignment;
            if (end > int.MaxValue) throw TooLarge(end);
        }

        return (offsets, end);
    }

    /// <exception cref="ModelLoadException">The pool has no room left.</exception>
    internal static MemoryBlock Rent(BlockPool pool, long bytes, BlockOwner owner) =>
        pool.TryRent(bytes, owner, out MemoryBlock? block) ? block : throw TooLarge(bytes);

    private static ModelLoadException TooLarge(long bytes) =>
        new($"a batch of max_batch_size rows needs {bytes} bytes of memory, which the pool does not have left; lower max_batch_size or raise the pool's size");
}
