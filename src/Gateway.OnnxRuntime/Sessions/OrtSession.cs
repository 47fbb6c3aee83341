using Gateway.OnnxRuntime.Environments;
using Gateway.OnnxRuntime.Errors;
using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Native;
using Gateway.OnnxRuntime.Values;

namespace Gateway.OnnxRuntime.Sessions;

/// <summary>A model, loaded and ready to run.</summary>
/// <remarks>
/// Threading: several threads may run it at once, each with a binding of its own.
/// Ownership: the caller disposes it. What is made from it (bindings, outputs, memory), and a run under way, keep it alive natively.
/// Cost: loading reads and rewrites the model. A run makes no managed allocation.
/// </remarks>
public sealed unsafe class OrtSession : IDisposable
{
    private readonly Dictionary<string, OrtAllocator> _allocators = [];

    private OrtSession(nint native, OrtHandle?[] owners)
    {
        Handle = new OrtHandle(native, OrtLibrary.Api->ReleaseSession, owners);
        try
        {
            Inputs = OrtValueInfoReader.ReadInputs(native);
            Outputs = OrtValueInfoReader.ReadOutputs(native);
            OverridableInitializers = OrtValueInfoReader.ReadOverridableInitializers(native);
        }
        catch
        {
            Handle.Dispose();
            throw;
        }
    }

    private delegate nint Create(nint environment, nint options, nint weights, nint* session);

    /// <summary>In the order of the model.</summary>
    public IReadOnlyList<OrtValueInfo> Inputs { get; }

    /// <summary>In the order of the model.</summary>
    public IReadOnlyList<OrtValueInfo> Outputs { get; }

    /// <summary>Initializers that a run may bind like an input, and need not.</summary>
    public IReadOnlyList<OrtValueInfo> OverridableInitializers { get; }

    internal OrtHandle Handle { get; }

    /// <summary>Loads a model from its file.</summary>
    /// <param name="environment">Kept open by the session.</param>
    /// <param name="path">An <c>.onnx</c> file; what it keeps in other files is looked for beside it.</param>
    /// <param name="options">Borrowed for the call.</param>
    /// <param name="weights">Shared with other sessions of the same model; null for none.</param>
    /// <exception cref="OrtException">The model cannot be read, is damaged, or uses what no provider of the session implements.</exception>
    public static OrtSession Load(OrtEnvironment environment, string path, OrtSessionOptions options, OrtPrepackedWeights? weights = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        nint nativePath = NativeText.CopyPath(path);
        try
        {
            return Load(environment, options, weights, (env, opts, prepacked, session) => prepacked == 0
                ? OrtLibrary.Api->CreateSession(env, nativePath, opts, session)
                : OrtLibrary.Api->CreateSessionWithPrepackedWeightsContainer(env, nativePath, opts, prepacked, session));
        }
        finally
        {
            NativeText.FreePath(nativePath);
        }
    }

    /// <summary>Loads a model from memory, borrowed for the call.</summary>
    /// <inheritdoc cref="Load(OrtEnvironment, string, OrtSessionOptions, OrtPrepackedWeights?)"/>
    public static OrtSession Load(
        OrtEnvironment environment, ReadOnlySpan<byte> model, OrtSessionOptions options, OrtPrepackedWeights? weights = null)
    {
        nuint length = (nuint)model.Length;
        fixed (byte* bytes = model)
        {
            // As a number, because a fixed pointer cannot be captured; it stays fixed until the call returns.
            nint start = (nint)bytes;
            return Load(environment, options, weights, (env, opts, prepacked, session) => prepacked == 0
                ? OrtLibrary.Api->CreateSessionFromArray(env, (byte*)start, length, opts, session)
                : OrtLibrary.Api->CreateSessionFromArrayWithPrepackedWeightsContainer(env, (byte*)start, length, opts, prepacked, session));
        }
    }

    /// <summary>Makes an empty binding; the caller disposes it.</summary>
    public OrtIoBinding CreateBinding() => new(this);

    /// <summary>The allocator of one kind of memory of the session's providers.</summary>
    /// <exception cref="OrtException">No provider of the session has that kind of memory.</exception>
    public OrtAllocator GetAllocator(OrtMemoryInfo memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        using OrtHandle.Lease session = Handle.Use();
        using OrtHandle.Lease memoryInfo = memory.Handle.Use();
        lock (_allocators)
        {
            string kind = memory.ToString();
            if (_allocators.TryGetValue(kind, out OrtAllocator? known)) return known;
            nint native;
            OrtStatus.Check(OrtLibrary.Api->CreateAllocator(session.Native, memoryInfo.Native, &native));

            // Released with the session and no sooner: a tensor goes back to its allocator, and a binding may keep one to the end.
            Handle.AddPart(native, OrtLibrary.Api->ReleaseAllocator);
            return _allocators[kind] = new OrtAllocator(native, Handle);
        }
    }

    /// <summary>Runs the model on what is bound, and returns when the outputs bound to CPU memory are there to read.</summary>
    /// <param name="binding">One of this session's, in no other run; its outputs are written.</param>
    /// <param name="options">Lets the run be cut short; null for one that runs to its end.</param>
    /// <exception cref="OrtException">The run failed; what is in the outputs is undefined.</exception>
    public void Run(OrtIoBinding binding, OrtRunOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(binding);
        if (binding.Session != this) throw new ArgumentException("The binding is of another session.", nameof(binding));
        using OrtHandle.Lease session = Handle.Use();
        using OrtHandle.Lease bound = binding.Handle.Use();
        binding.ForgetAllocatedOutputs();
        if (options == null)
        {
            OrtStatus.Check(OrtLibrary.Api->RunWithBinding(session.Native, 0, bound.Native));
            return;
        }

        using OrtHandle.Lease runOptions = options.Handle.Use();
        OrtStatus.Check(OrtLibrary.Api->RunWithBinding(session.Native, runOptions.Native, bound.Native));
    }

    /// <summary>Whether each input is read from CPU memory, in the order of the model; else it is a device's memory that it is wanted in.</summary>
    public bool[] ReadInputsOnCpu() => MemoryPlaces.OnCpu(Handle, OrtLibrary.Api->SessionGetMemoryInfoForInputs, Inputs.Count);

    /// <summary>Likewise of each output, and where it is left.</summary>
    public bool[] ReadOutputsOnCpu() => MemoryPlaces.OnCpu(Handle, OrtLibrary.Api->SessionGetMemoryInfoForOutputs, Outputs.Count);

    /// <summary>Nodes by the provider that was given them; empty unless the session was loaded with <see cref="OrtSessionOptions.RecordAssignment"/>.</summary>
    /// <remarks>Those of the CPU are complete. Providers that rewrite the graph for their own layout (WebGPU) are missing nodes (1.30.0).</remarks>
    public IReadOnlyList<OrtAssignedNode> ReadAssignedNodes()
    {
        using OrtHandle.Lease session = Handle.Use();
        return AssignedNodes.Read(session.Native);
    }

    /// <summary>What the model's author wrote into it by name and value; read anew each time.</summary>
    public IReadOnlyDictionary<string, string> ReadCustomMetadata()
    {
        using OrtHandle.Lease session = Handle.Use();
        return ModelMetadata.Read(session.Native);
    }

    /// <summary>Stops profiling and writes the profile.</summary>
    /// <returns>Path of the file written; empty when the session was not loaded to be profiled.</returns>
    public string EndProfiling()
    {
        using OrtHandle.Lease session = Handle.Use();
        byte* path;
        OrtStatus.Check(OrtLibrary.Api->SessionEndProfiling(session.Native, OrtAllocator.Default.Native, &path));
        return NativeText.Take(path);
    }

    public void Dispose() => Handle.Dispose();

    private static OrtSession Load(OrtEnvironment environment, OrtSessionOptions options, OrtPrepackedWeights? weights, Create create)
    {
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(options);
        if (options.Providers.Contains(OrtProviders.Cuda)) environment.UseProviderLibrary(OrtProviders.Cuda, OrtProviders.LibraryOf(OrtProviders.Cuda));
        using OrtHandle.Lease env = environment.Handle.Use();
        using OrtHandle.Lease nativeOptions = options.Handle.Use();

        // Taken before the session reads them: an initializer disposed since it was added is an error here, and not a stray pointer.
        if (weights != null) ObjectDisposedException.ThrowIf(weights.Handle.IsDisposed, weights);
        using var kept = new OrtHandle(-1, null, [environment.Handle, weights?.Handle, .. options.Kept]);
        nint native;
        OrtStatus.Check(create(env.Native, nativeOptions.Native, weights == null ? 0 : weights.Handle.DangerousGetHandle(), &native));
        return new OrtSession(native, [kept]);
    }
}
