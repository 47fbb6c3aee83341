using Gateway.OnnxRuntime.Native;
using Gateway.OnnxRuntime.Values;

namespace Gateway.OnnxRuntime.Sessions;

/// <summary>How sessions are to be loaded; what is not set stays as ONNX Runtime has it.</summary>
/// <remarks>
/// Threading: one thread at a time while it is set up; afterwards several may load sessions with it.
/// Ownership: the caller disposes it, once the sessions are loaded.
/// </remarks>
public sealed unsafe class OrtSessionOptions : IDisposable
{
    private readonly List<string> _providers = [];
    private readonly List<OrtHandle> _kept = [];

    public OrtSessionOptions()
    {
        nint native;
        OrtStatus.Check(OrtLibrary.Api->CreateSessionOptions(&native));
        Handle = new OrtHandle(native, OrtLibrary.Api->ReleaseSessionOptions);
    }

    /// <summary>Providers added, by name, the one preferred first; the CPU's, which every session has last, is not among them.</summary>
    public IReadOnlyList<string> Providers => _providers;

    internal OrtHandle Handle { get; }

    /// <summary>What sessions keep alive: initializers, queues of work.</summary>
    internal IReadOnlyList<OrtHandle> Kept => _kept;

    /// <summary>Sets how far the model is rewritten; ONNX Runtime's default is <see cref="OrtGraphOptimization.All"/>.</summary>
    public OrtSessionOptions GraphOptimization(OrtGraphOptimization level) =>
        Set(OrtLibrary.Api->SetSessionGraphOptimizationLevel, (int)level);

    /// <summary>Sets the threads that work on one operator, the caller's included; 0, the default, is one for each physical core.</summary>
    public OrtSessionOptions IntraOpThreads(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return Set(OrtLibrary.Api->SetIntraOpNumThreads, count);
    }

    /// <summary>Sets the threads that run operators side by side, used with <see cref="ParallelExecution"/>; 0 is one for each physical core.</summary>
    public OrtSessionOptions InterOpThreads(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return Set(OrtLibrary.Api->SetInterOpNumThreads, count);
    }

    /// <summary>Runs operators that do not depend on each other side by side; off by default.</summary>
    public OrtSessionOptions ParallelExecution(bool enabled) => Set(OrtLibrary.Api->SetSessionExecutionMode, enabled ? 1 : 0);

    /// <summary>Uses the environment's thread pools instead of threads of the session's own.</summary>
    public OrtSessionOptions ShareThreadPools() => Set(OrtLibrary.Api->DisablePerSessionThreads);

    /// <summary>Whether the session's idle threads spin for a while before they sleep; on by default.</summary>
    public OrtSessionOptions Spinning(bool enabled) =>
        ConfigEntry("session.intra_op.allow_spinning", enabled ? "1" : "0")
            .ConfigEntry("session.inter_op.allow_spinning", enabled ? "1" : "0");

    /// <summary>Whether CPU memory is kept for later runs instead of given back after each; on by default.</summary>
    public OrtSessionOptions CpuArena(bool enabled) =>
        Set(enabled ? OrtLibrary.Api->EnableCpuMemArena : OrtLibrary.Api->DisableCpuMemArena);

    /// <summary>Whether memory for a run's intermediate results is planned from earlier runs of the same shapes; on by default.</summary>
    public OrtSessionOptions MemoryPattern(bool enabled) =>
        Set(enabled ? OrtLibrary.Api->EnableMemPattern : OrtLibrary.Api->DisableMemPattern);

    /// <summary>Has <see cref="OrtSession.ReadAssignedNodes"/> say which provider was given which nodes.</summary>
    public OrtSessionOptions RecordAssignment() => ConfigEntry("session.record_ep_graph_assignment_info", "1");

    /// <summary>Records a profile of each run, written by <see cref="OrtSession.EndProfiling"/>.</summary>
    /// <param name="filePrefix">Path that the file's name starts with; ONNX Runtime adds the time and <c>.json</c>.</param>
    public OrtSessionOptions Profile(string filePrefix) => SetPath(OrtLibrary.Api->EnableProfiling, filePrefix);

    /// <summary>Writes the model as it is after optimisation, when a session is loaded.</summary>
    public OrtSessionOptions WriteOptimizedModel(string path) => SetPath(OrtLibrary.Api->SetOptimizedModelFilePath, path);

    /// <summary>Sets one of ONNX Runtime's named settings, such as <c>session.set_denormal_as_zero</c>.</summary>
    public OrtSessionOptions ConfigEntry(string key, string value)
    {
        using var nativeKey = new NativeText(key, stackalloc byte[NativeText.StackBytes]);
        using var nativeValue = new NativeText(value, stackalloc byte[NativeText.StackBytes]);
        using OrtHandle.Lease options = Handle.Use();
        OrtStatus.Check(OrtLibrary.Api->AddSessionConfigEntry(options.Native, nativeKey.Pointer, nativeValue.Pointer));
        return this;
    }

    /// <summary>Gives an initializer of the model by value, so that sessions share it.</summary>
    /// <param name="name">The initializer's name in the model.</param>
    /// <param name="value">A tensor over the caller's CPU memory, kept alive by the sessions; its memory is the caller's to keep.</param>
    public OrtSessionOptions AddInitializer(string name, OrtValue value)
    {
        ArgumentNullException.ThrowIfNull(value);
        using var nativeName = new NativeText(name, stackalloc byte[NativeText.StackBytes]);
        using OrtHandle.Lease options = Handle.Use();
        using OrtHandle.Lease tensor = value.Handle.Use();
        OrtStatus.Check(OrtLibrary.Api->AddInitializer(options.Native, nativeName.Pointer, tensor.Native));
        _kept.Add(value.Handle);
        return this;
    }

    /// <summary>Adds an execution provider; those added first are preferred, and the CPU takes what none of them can run.</summary>
    /// <param name="name">One of <see cref="OrtProviders"/>; case does not matter.</param>
    /// <param name="options">The provider's own settings by ONNX Runtime's names, such as <c>device_id</c>.</param>
    /// <exception cref="Errors.OrtProviderException">The provider cannot be had, or refuses a setting.</exception>
    public OrtSessionOptions AddProvider(string name, IReadOnlyDictionary<string, string>? options = null)
    {
        using OrtHandle.Lease sessionOptions = Handle.Use();
        string added = OrtProviders.Append(sessionOptions.Native, name, options ?? new Dictionary<string, string>());
        if (added != OrtProviders.Cpu) _providers.Add(added);
        return this;
    }

    /// <summary>Has the sessions keep an object alive that they use without knowing.</summary>
    internal void Keep(OrtHandle handle) => _kept.Add(handle);

    public void Dispose() => Handle.Dispose();

    private OrtSessionOptions Set(delegate* unmanaged<nint, nint> set)
    {
        using OrtHandle.Lease options = Handle.Use();
        OrtStatus.Check(set(options.Native));
        return this;
    }

    private OrtSessionOptions Set(delegate* unmanaged<nint, int, nint> set, int value)
    {
        using OrtHandle.Lease options = Handle.Use();
        OrtStatus.Check(set(options.Native, value));
        return this;
    }

    private OrtSessionOptions SetPath(delegate* unmanaged<nint, nint, nint> set, string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using OrtHandle.Lease options = Handle.Use();
        nint native = NativeText.CopyPath(path);
        try
        {
            OrtStatus.Check(set(options.Native, native));
            return this;
        }
        finally
        {
            NativeText.FreePath(native);
        }
    }
}
