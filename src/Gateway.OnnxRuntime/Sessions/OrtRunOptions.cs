using Gateway.OnnxRuntime.Native;

namespace Gateway.OnnxRuntime.Sessions;

/// <summary>A switch that cuts short the runs it is given to.</summary>
/// <remarks>
/// Behaviour: a terminated run fails soon, with <see cref="Errors.OrtErrorCode.Fail"/>: ONNX Runtime looks at the switch between two
/// operators, so never within a long one. It stays on, failing later runs at once, until <see cref="Reset"/>.
/// Threading: <see cref="Terminate"/> is meant to be called while another thread runs.
/// </remarks>
public sealed unsafe class OrtRunOptions : IDisposable
{
    private volatile bool _terminated;

    public OrtRunOptions()
    {
        nint native;
        OrtStatus.Check(OrtLibrary.Api->CreateRunOptions(&native));
        Handle = new OrtHandle(native, OrtLibrary.Api->ReleaseRunOptions);
    }

    /// <summary>Whether the switch is on, which tells a run that was cut short from one that failed.</summary>
    public bool IsTerminated => _terminated;

    internal OrtHandle Handle { get; }

    /// <summary>Sets one of ONNX Runtime's named settings of a run, such as <c>gpu_graph_id</c>.</summary>
    public OrtRunOptions ConfigEntry(string key, string value)
    {
        using var nativeKey = new NativeText(key, stackalloc byte[NativeText.StackBytes]);
        using var nativeValue = new NativeText(value, stackalloc byte[NativeText.StackBytes]);
        using OrtHandle.Lease options = Handle.Use();
        OrtStatus.Check(OrtLibrary.Api->AddRunConfigEntry(options.Native, nativeKey.Pointer, nativeValue.Pointer));
        return this;
    }

    public void Terminate()
    {
        using OrtHandle.Lease options = Handle.Use();
        _terminated = true;
        OrtStatus.Check(OrtLibrary.Api->RunOptionsSetTerminate(options.Native));
    }

    /// <summary>Turns the switch off again; no run that uses it may be under way.</summary>
    public void Reset()
    {
        using OrtHandle.Lease options = Handle.Use();
        OrtStatus.Check(OrtLibrary.Api->RunOptionsUnsetTerminate(options.Native));
        _terminated = false;
    }

    public void Dispose() => Handle.Dispose();
}
