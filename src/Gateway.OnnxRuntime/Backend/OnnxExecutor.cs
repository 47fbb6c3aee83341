using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.OnnxRuntime.Errors;
using Gateway.OnnxRuntime.Sessions;
using Gateway.Protocol;

namespace Gateway.OnnxRuntime.Backend;

/// <summary>One instance of an ONNX model: a session, and the memory that its batches lie in.</summary>
/// <remarks>
/// A model whose rows all have the same size runs from slabs that were bound when it was loaded (<see cref="SlabRunner"/>); one with strings or sizes that
/// requests choose binds anew for each batch (<see cref="FreeShapeRunner"/>).
/// </remarks>
internal sealed class OnnxExecutor : IModelExecutor
{
    /// <summary>What a run says that was ended by <see cref="Terminate"/>.</summary>
    public const string CutShort = "The run was cut short";

    private readonly OrtRunOptions _runOptions = new();
    private readonly TimeProvider _time;
    private readonly bool _isOnCpu;
    private readonly SlabRunner? _slabs;
    private readonly FreeShapeRunner? _free;

    /// <param name="session">Borrowed; outlives the executor.</param>
    /// <param name="isOnCpu">Whether the session runs on the CPU alone.</param>
    public OnnxExecutor(ModelLayout layout, OrtSession session, bool isOnCpu, BlockPool pool, TimeProvider time)
    {
        _time = time;
        _isOnCpu = isOnCpu;
        if (layout.Inputs.All(input => input.RowBytes >= 0) && layout.Outputs.All(output => output.RowBytes >= 0))
        {
            _slabs = new SlabRunner(layout, session, pool);
        }
        else
        {
            _free = new FreeShapeRunner(layout, session, pool);
        }
    }

    /// <remarks>The providers of devices keep a context for each thread that they were run on.</remarks>
    public bool CanRunAnywhere => _isOnCpu && _slabs?.HasFreeSlab != false;

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

    private ExecutionException Explain(OrtException error)
    {
        if (_runOptions.IsTerminated) return new ExecutionException(CutShort, error);

        // Shapes and types were right, so what the model calls an invalid argument is the content of a tensor: bytes that are not UTF-8, an index out of range.
        StatusCode status = error.Code == OrtErrorCode.InvalidArgument ? StatusCode.InvalidArgument : StatusCode.Internal;
        return new ExecutionException($"onnx runtime error {(int)error.Code}: {error.Message}", error, status);
    }
}
