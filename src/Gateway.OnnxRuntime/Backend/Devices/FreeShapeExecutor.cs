using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.OnnxRuntime.Environments;
using Gateway.OnnxRuntime.Errors;
using Gateway.OnnxRuntime.Sessions;

namespace Gateway.OnnxRuntime.Backend.Devices;

/// <summary>One instance on a device of a model whose sizes requests choose, or whose outputs are of unknown size: a session, whose batches are bound anew each.</summary>
/// <remarks><b>Threading</b>: as every executor's. <b>Ownership</b>: holds its session, until that is lost or this is disposed.</remarks>
internal sealed class FreeShapeExecutor : IModelExecutor
{
    private readonly OrtRunOptions _runOptions = new();
    private readonly ModelLayout _layout;
    private readonly ProviderChoice _choice;
    private readonly Func<LoadedSession> _load;
    private readonly BlockPool _pool;
    private readonly TimeProvider _time;
    private LoadedSession? _loaded;
    private FreeShapeRunner? _runner;

    /// <param name="load">Gives the session to run, held for the executor: called once now, and again whenever the device of the one before was lost.</param>
    /// <exception cref="OrtException">Nothing can be bound.</exception>
    public FreeShapeExecutor(ModelLayout layout, ProviderChoice choice, Func<LoadedSession> load, ExecutionPlacement placement, BlockPool pool, TimeProvider time)
    {
        _layout = layout;
        _choice = choice;
        _load = load;
        _pool = pool;
        _time = time;
        Placement = placement;
        Load();
    }

    public ExecutionPlacement Placement { get; }

    public BatchOutput Execute(Batch batch)
    {
        if (_loaded is not { Loss.IsKnown: false } loaded) throw new ExecutionException("the device is lost", failure: ExecutionFailure.DeviceAway);
        loaded.Traits?.Enter();
        try
        {
            long errors = OrtDeviceErrors.Count;
            BatchOutput output = _runner!.Execute(batch, _runOptions, _time);
            if (!_choice.IsWebGpu || OrtDeviceErrors.Count == errors) return output;

            // WebGPU says only in the log that a kernel did not run: what lies in the outputs then is not the model's answer.
            output.Release();
            throw new OrtException(OrtErrorCode.EpFail, OrtDeviceErrors.Last);
        }
        catch (OrtException error)
        {
            ExecutionException explained = RunFailures.Explain(error, _runOptions.IsTerminated);
            if (explained.Failure == ExecutionFailure.DeviceLost) loaded.Loss.Note();
            throw explained;
        }
        finally
        {
            loaded.Traits?.Exit();
        }
    }

    public void Reload()
    {
        LetGo();
        Load();
    }

    public void Terminate() => _runOptions.Terminate();

    public void Dispose()
    {
        LetGo();
        _runOptions.Dispose();
    }

    private void Load()
    {
        LoadedSession loaded = _load();
        try
        {
            _runner = loaded.Traits.Guard(() => new FreeShapeRunner(_layout, loaded.Session, _pool));
            _loaded = loaded;
        }
        catch
        {
            loaded.LetGo();
            throw;
        }
    }

    private void LetGo()
    {
        if (_loaded is not { } loaded) return;
        loaded.Traits.Guard(_runner!.Dispose);
        (_runner, _loaded) = (null, null);
        loaded.LetGo();
    }
}
