using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.OnnxRuntime.Errors;
using Gateway.OnnxRuntime.Sessions;

namespace Gateway.OnnxRuntime.Backend;

/// <summary>One instance of an ONNX model on the CPU: a session, and the memory that its batches lie in.</summary>
/// <remarks>
/// A model whose rows all have the same size runs from slabs that were bound when it was loaded (<see cref="SlabRunner"/>); one with strings or sizes that
/// requests choose binds anew for each batch (<see cref="FreeShapeRunner"/>).
/// </remarks>
internal sealed class OnnxExecutor : IModelExecutor
{
    private readonly OrtRunOptions _runOptions = new();
    private readonly TimeProvider _time;
    private readonly SlabRunner? _slabs;
    private readonly FreeShapeRunner? _free;

    /// <param name="session">Borrowed; outlives the executor.</param>
    public OnnxExecutor(ModelLayout layout, OrtSession session, ExecutionPlacement placement, BlockPool pool, TimeProvider time)
    {
        _time = time;
        Placement = placement;
        if (HasFixedShapes(layout)) _slabs = new SlabRunner(layout, session, pool);
        else _free = new FreeShapeRunner(layout, session, pool);
    }

    public ExecutionPlacement Placement { get; }

    public bool CanRunAnywhere => true;

    public bool HasRoom => _slabs?.HasFreeSlab != false;

    /// <summary>Whether every row of every tensor has the same size, known ahead.</summary>
    public static bool HasFixedShapes(ModelLayout layout) => layout.Inputs.All(input => input.RowBytes >= 0) && layout.Outputs.All(output => output.RowBytes >= 0);

    public BatchOutput Execute(Batch batch)
    {
        try
        {
            return _slabs?.Execute(batch, _runOptions, _time) ?? _free!.Execute(batch, _runOptions, _time);
        }
        catch (OrtException error)
        {
            throw Explain(error);
        }
    }

    public bool TryMeasure(int rows, out long ticks)
    {
        ticks = 0;
        if (_slabs is null) return false;
        try
        {
            ticks = _slabs.Measure(rows, _runOptions, _time);
            return true;
        }
        catch (OrtException error)
        {
            throw Explain(error);
        }
    }

    public void Terminate()
    {
        _runOptions.Terminate();
        _slabs?.Terminate();
    }

    public void Dispose()
    {
        _slabs?.Dispose();
        _free?.Dispose();
        _runOptions.Dispose();
    }

    private ExecutionException Explain(OrtException error) => RunFailures.Explain(error, _runOptions.IsTerminated);
}
