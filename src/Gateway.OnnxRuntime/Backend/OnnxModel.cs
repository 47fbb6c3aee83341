using System.Text;
using Gateway.Core.Execution;
using Gateway.Core.Execution.Devices;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.OnnxRuntime.Backend.Compiled;
using Gateway.OnnxRuntime.Backend.Devices;
using Gateway.OnnxRuntime.Environments;
using Gateway.OnnxRuntime.Errors;
using Gateway.OnnxRuntime.Native;
using Gateway.OnnxRuntime.Sessions;
using Gateway.OnnxRuntime.Values;
using Gateway.Protocol.Tensors;
using Microsoft.Extensions.Logging;

namespace Gateway.OnnxRuntime.Backend;

/// <summary>One ONNX file, and the sessions that its instances run it with.</summary>
/// <remarks>
/// <b>Behaviour</b>: instances on the same device run one session, whose weights are then in memory once; ONNX Runtime runs it from several threads at once.
/// <b>Threading</b>: one thread loads. <b>Ownership</b>: owns the sessions, which live as long as it does.
/// </remarks>
internal sealed partial class OnnxModel : ILoadedModel
{
    // A long list says no more than its beginning; the metrics have the number.
    private const int MostNodesLogged = 16;

    private static readonly ExecutionPlacement OnTrial = new(ExecutionAccelerator.Cpu, "CPU", [], []);

    private readonly ModelSource _source;
    private readonly OrtEnvironment _environment;
    private readonly BlockPool _pool;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Dictionary<(string Device, int Threads), LoadedSession> _sessions = [];
    private readonly HashSet<string> _devices = [];
    private readonly DeviceMemory _memory;
    private readonly List<DeviceMemoryShare> _shares = [];
    private int? _threads;
    private bool _usesCpu;

    // Until it turns out that this model's work cannot be recorded.
    private bool _recordsGraphs = true;

    public OnnxModel(ModelSource source, OrtEnvironment environment, BlockPool pool, TimeProvider time, ILogger logger, DeviceMemory memory)
    {
        _source = source;
        _environment = environment;
        _pool = pool;
        _time = time;
        _logger = logger;
        _memory = memory;
        _threads = source.Declared?.OnnxRuntime.IntraOpThreadCount;
        try
        {
            Signature = ReadSignature();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public ModelSignature Signature { get; }

    /// <remarks>Another build of the runtime, or of this backend, or another kind of processor or GPU may give other answers.</remarks>
    public byte[] Identity =>
        [.. OrtLibrary.Identity, .. typeof(OnnxModel).Module.ModuleVersionId.ToByteArray(), .. Encoding.UTF8.GetBytes($"{Processor.Identity}; {NvidiaDriver.Identity}")];

    /// <summary>Devices that it has a session on.</summary>
    internal IEnumerable<string> SessionDevices => _sessions.Keys.Select(key => key.Device).Distinct();

    public string Device => string.Join(", ", _devices);

    /// <summary>What a session says of its model.</summary>
    /// <exception cref="ModelLoadException">It has a tensor that cannot be served.</exception>
    public static ModelSignature SignatureOf(OrtSession session) => new([.. session.Inputs.Select(Describe)], [.. session.Outputs.Select(Describe)]);

    public IReadOnlyList<IModelExecutor> CreateExecutors(ModelLayout layout, InstanceGroup group, int instances)
    {
        IReadOnlyList<ProviderChoice> chain = ProviderChain.For(_source.Declared ?? layout.Config, group);
        List<string> refused = [];
        for (int i = 0; ; i++)
        {
            try
            {
                if (chain[i].IsCpu) return Create(layout, chain[i], instances, refused);
                IReadOnlyList<IModelExecutor> executors = CreateWithin(layout, chain[i], instances, refused, isLast: i == chain.Count - 1);

                // What said what the model takes has its weights in memory once more.
                if (!_usesCpu) Unload(ProviderChoice.Cpu);
                return executors;
            }
            catch (Exception error) when (error is OrtException or ModelLoadException or ExecutionException)
            {
                if (i == chain.Count - 1) throw error as ModelLoadException ?? new ModelLoadException(error.Message, error);
                refused.Add($"{chain[i].Name}: {error.Message}");
                LogFallback(_logger, _source.Name, chain[i].Name, chain[i + 1].Name, error.Message);
            }
        }
    }

    public void Dispose()
    {
        foreach (LoadedSession each in _sessions.Values) each.LetGo();

        _sessions.Clear();
        foreach (DeviceMemoryShare share in _shares) share.Dispose();
        _shares.Clear();
    }

    /// <summary>What the configuration says; null for nothing.</summary>
    private bool? WantsGraphs => _source.Declared?.Optimization.CapturesGraphs;

    /// <summary>Asks the session that most models run; of a model whose instances are all on devices, and which the CPU lacks an operator for, one there, for as long as that takes.</summary>
    private ModelSignature ReadSignature()
    {
        int threads = _threads ?? 1;
        LoadedSession cpu;
        try
        {
            cpu = OnCpu(threads);
        }
        catch (ModelLoadException)
        {
            if (OnlyDevice() is not { } device) throw;
            try
            {
                return SignatureOf(OnDevice(device, threads, isPipelined: false).Session);
            }
            finally
            {
                // How it is to be run there follows from the signature.
                Unload(device);
            }
        }

        return SignatureOf(cpu.Session);
    }

    /// <summary>What the first instance is to run on, where none can come to run on the CPU; null where one can.</summary>
    private ProviderChoice? OnlyDevice()
    {
        if (_source.Declared is not { InstanceGroups.Count: > 0 } config) return null;
        ProviderChoice[] all = [.. config.InstanceGroups.SelectMany(group => ProviderChain.For(config, group))];
        return all.Any(choice => choice.IsCpu) ? null : all[0];
    }

    /// <summary>Makes an instance on a device whose memory is counted.</summary>
    /// <param name="isLast">Whether nothing stands in for it.</param>
    private IReadOnlyList<IModelExecutor> CreateWithin(ModelLayout layout, ProviderChoice choice, int instances, IReadOnlyList<string> refused, bool isLast)
    {
        bool isFirst = _sessions.Keys.All(key => key.Device != choice.Device);
        DeviceMemoryShare share = _memory.Take(choice.Gpu, _source.Name, _source.Version, DeviceNeeds.Of(_source, layout, choice, isFirst));
        try
        {
            IReadOnlyList<IModelExecutor> executors = Create(layout, share.Most is { } most ? choice.Within(most) : choice, instances, refused);
            if (!isLast) TryOut(executors);
            _shares.Add(share);
            return executors;
        }
        catch
        {
            // What runs instead is not to be short of what this leaves behind.
            if (isFirst) Unload(choice);
            share.Dispose();
            throw;
        }
    }

    /// <summary>Runs a row before anything is built on it, while something else can still take its place.</summary>
    private static void TryOut(IReadOnlyList<IModelExecutor> executors)
    {
        try
        {
            executors[0].Prepare(1);
        }
        catch
        {
            foreach (IModelExecutor executor in executors) executor.Dispose();
            throw;
        }
    }

    private void Unload(ProviderChoice choice)
    {
        foreach ((string Device, int Threads) key in _sessions.Keys.Where(key => key.Device == choice.Device).ToArray())
        {
            if (_sessions.Remove(key, out LoadedSession? unused)) unused.LetGo();
        }
    }

    private IReadOnlyList<IModelExecutor> Create(ModelLayout layout, ProviderChoice choice, int instances, IReadOnlyList<string> refused)
    {
        _usesCpu |= choice.IsCpu;
        int threads = choice.IsCpu ? _threads ??= ChooseThreads(layout, instances) : _threads ?? 1;
        bool isPipelined = !choice.IsCpu && OnnxExecutor.HasFixedShapes(layout);
        (OrtSession session, DeviceTraits? traits, DateTime? compiled) = choice.IsCpu ? OnCpu(threads) : OnDevice(choice, threads, isPipelined);
        string[] cpuNodes = choice.IsCpu ? [] : [.. session.ReadAssignedNodes().Where(node => node.IsOnCpu).Select(node => node.Name.Length > 0 ? $"{node.OperatorType} ({node.Name})" : node.OperatorType)];
        ExecutionPlacement placement = new(choice.Name, Describe(choice, threads), cpuNodes, [.. refused]) { PaysForNewSizes = isPipelined && !choice.IsWebGpu, IsCompiled = compiled is not null };
        IReadOnlyList<IModelExecutor> executors = choice.IsCpu
            ? [new OnnxExecutor(layout, session, placement, _pool, _time)]
            : isPipelined
                ? new DeviceInstance(choice.Lanes ?? traits!.Orders.Lanes, PipelineMaker(layout, choice, threads)).CreateLanes(placement)
                : [new FreeShapeExecutor(layout, choice, SessionMaker(choice, threads, isPipelined), placement, _pool, _time)];
        if (!_devices.Add(placement.Device)) return executors;
        if (compiled is { } made) LogCompiled(_logger, _source.Name, choice.Name, made);
        if (cpuNodes.Length > 0) LogCpuNodes(_logger, _source.Name, placement.Device, cpuNodes.Length, string.Join(", ", cpuNodes.Take(MostNodesLogged)));
        return executors;
    }

    /// <summary>Gives an instance its session, held for it; each time but the first the device was lost, and the session before with it, so that another is loaded.</summary>
    private Func<LoadedSession> SessionMaker(ProviderChoice choice, int threads, bool isPipelined)
    {
        LoadedSession? used = null;
        return () =>
        {
            lock (_sessions)
            {
                // Another instance may have loaded one already.
                if (used is not null) Forget(choice, threads, used);
                used = OnDevice(choice, threads, isPipelined);
                used.Hold();
                return used;
            }
        };
    }

    /// <summary>Makes an instance's pipeline; each time but the first its device was lost.</summary>
    private Func<DevicePipeline> PipelineMaker(ModelLayout layout, ProviderChoice choice, int threads)
    {
        Func<LoadedSession> load = SessionMaker(choice, threads, isPipelined: true);
        return () =>
        {
            while (true)
            {
                LoadedSession used = load();
                DevicePipeline made;
                try
                {
                    made = new OnnxDeviceModel(_environment, layout, used, choice, _pool).CreatePipeline(_time);
                }
                finally
                {
                    // The pipeline holds it by itself.
                    used.LetGo();
                }

                if (!used.Traits!.RecordsGraphs || WantsGraphs is not null) return made;
                try
                {
                    made.Prepare(1);
                    return made;
                }
                catch (Exception error)
                {
                    made.LetGo();
                    if (error is not ExecutionException { Failure: ExecutionFailure.Run }) throw;

                    // Once more without.
                    _recordsGraphs = false;
                    LogNoGraphs(_logger, _source.Name, choice.Device, error.Message);
                }
            }
        };
    }

    private void Forget(ProviderChoice choice, int threads, LoadedSession lost)
    {
        if (!_sessions.TryGetValue((choice.Device, threads), out LoadedSession? known) || !ReferenceEquals(known, lost)) return;
        _sessions.Remove((choice.Device, threads));
        known.LetGo();
    }

    private static string Describe(ProviderChoice choice, int threads) => (choice.IsCpu, threads) switch
    {
        (false, _) => choice.Device,
        (_, SessionSettings.SharedThreads) => $"CPU, {Environment.ProcessorCount} threads",
        (_, 1) => "CPU, 1 thread",
        _ => $"CPU, {threads} threads",
    };

    private LoadedSession OnCpu(int threads)
    {
        if (_sessions.TryGetValue((ProviderChoice.Cpu.Device, threads), out LoadedSession? known)) return known;
        Compilation compilation = new(_environment, _source, ProviderChoice.Cpu, _time);
        return _sessions[(ProviderChoice.Cpu.Device, threads)] = Load(compilation, FindCompiled(compilation), threads, null);
    }

    private LoadedSession OnDevice(ProviderChoice choice, int threads, bool isPipelined)
    {
        if (_sessions.TryGetValue((choice.Device, threads), out LoadedSession? known)) return known;
        Compilation compilation = new(_environment, _source, choice, _time);
        CompiledRecord? compiled = FindCompiled(compilation);
        string? whyNoGraphs = null;
        if (isPipelined && (WantsGraphs ?? (_recordsGraphs && choice.IsCudaAlone)))
        {
            try
            {
                LoadedSession loaded = Load(compilation, compiled, threads, isPipelined, recordsGraphs: true);
                if (WantsGraphs is not null || GraphRecording.Obstacle(loaded.Session) is not { } obstacle) return _sessions[(choice.Device, threads)] = loaded;
                loaded.LetGo();
                whyNoGraphs = $"it has a {obstacle}";
            }
            catch (ModelLoadException error) when (WantsGraphs is null)
            {
                whyNoGraphs = error.Message;
            }
        }

        LoadedSession plain = Load(compilation, compiled, threads, isPipelined, recordsGraphs: false);
        if (whyNoGraphs is not null)
        {
            // Not before: a device that is away refuses both, and may record when it is back.
            _recordsGraphs = false;
            LogNoGraphs(_logger, _source.Name, choice.Device, whyNoGraphs);
        }

        return _sessions[(choice.Device, threads)] = plain;
    }

    private LoadedSession Load(Compilation compilation, CompiledRecord? compiled, int threads, bool isPipelined, bool recordsGraphs)
    {
        DeviceTraits traits = DeviceTraits.Of(compilation.Choice, isPipelined, recordsGraphs);
        try
        {
            return traits.Guard(() => Load(compilation, compiled, threads, traits));
        }
        catch
        {
            traits.Dispose();
            throw;
        }
    }

    /// <param name="compiled">What is tried before the model itself; null for nothing.</param>
    private LoadedSession Load(Compilation compilation, CompiledRecord? compiled, int threads, DeviceTraits? traits)
    {
        string? refused = null;
        if (compiled is not null)
        {
            try
            {
                return new LoadedSession(compilation.LoadCompiled(compilation.Folder.PathOf(compiled), threads, traits), traits, compiled.Made);
            }
            catch (OrtException error)
            {
                // It fits and is whole: what it is refused for may be gone by the next load.
                refused = error.Message;
            }
        }

        try
        {
            LoadedSession loaded = new(compilation.LoadSource(threads, traits), traits, null);
            if (refused is not null) LogCompiledRefused(_logger, _source.Name, compilation.Choice.Name, refused);
            return loaded;
        }
        catch (OrtException error)
        {
            throw new ModelLoadException(error.Message, error);
        }
    }

    /// <summary>Finds what <c>gateway compile</c> left beside the model, made anew if it does not fit any more.</summary>
    /// <returns>Null when there is nothing, or it cannot be used: the model itself can.</returns>
    /// <exception cref="ModelLoadException">It would have to be made anew, and the device is not there.</exception>
    private CompiledRecord? FindCompiled(Compilation compilation)
    {
        if (_source.FilesDigest is not { } files) return null;
        CompiledRecord? found = compilation.Find(files, out string? whyNot);
        if (whyNot is null) return found;
        string provider = compilation.Choice.Name;
        if (!_source.MayStore)
        {
            LogCompiledUnused(_logger, _source.Name, provider, whyNot);
            return null;
        }

        byte[] digest = files.GetAwaiter().GetResult();
        using DeviceTraits? traits = Compilation.TraitsFor(compilation.Choice);
        string problem;
        try
        {
            long start = _time.GetTimestamp();
            CompiledModel made = compilation.Make(digest, traits, inputs: null, found?.Tolerance);
            if (made.Record is { } anew)
            {
                LogCompiledAnew(_logger, _source.Name, provider, whyNot, _time.GetElapsedTime(start).TotalSeconds);
                return anew;
            }

            problem = $"its answers are too far from the model's: {string.Join("; ", made.Differences.Where(difference => !difference.IsAccepted).Select(difference => $"{difference.Name}: {difference}"))}";
        }
#pragma warning disable CA1031 // Whatever it fails with, the model itself can still be loaded.
        catch (Exception error)
#pragma warning restore CA1031
        {
            problem = error.Message;
        }

        // Else the next load would try it again. Beside other files than these there may be what was compiled of those.
        if (compilation.HasFiles(digest)) compilation.Folder.Remove(found);
        LogCompiledLost(_logger, _source.Name, provider, whyNot, problem);
        return null;
    }

    /// <summary>One thread, or all cores where that is measurably faster and no other instance wants them.</summary>
    /// <remarks>More threads than one often make a light model slower; so it is measured rather than assumed.</remarks>
    private int ChooseThreads(ModelLayout layout, int instances)
    {
        int cores = Environment.ProcessorCount;
        if (cores == 1 || instances >= cores) return 1;

        // A few rows, as a batch of some load has; more would only take longer.
        int rows = Math.Min(layout.MaxBatchRows, 4);
        long alone = Try(layout, 1, rows);
        if (alone < 0) return 1;
        long together = Try(layout, SessionSettings.SharedThreads, rows);

        // The other cores are not free: they are the front door's. They must bring at least half of what they could.
        bool pays = together * (1 + ((cores - 1) / 2.0)) < alone;
        LogThreads(
            _logger,
            _source.Name,
            pays ? cores : 1,
            rows,
            _time.GetElapsedTime(0, alone).TotalMicroseconds,
            cores,
            _time.GetElapsedTime(0, together).TotalMicroseconds);
        if (pays) return SessionSettings.SharedThreads;
        if (_sessions.Remove((ProviderChoice.Cpu.Device, SessionSettings.SharedThreads), out LoadedSession? unwanted)) unwanted.LetGo();
        return 1;
    }

    private long Try(ModelLayout layout, int threads, int rows)
    {
        using OnnxExecutor executor = new(layout, OnCpu(threads).Session, OnTrial, _pool, _time);
        return ThreadTrial.BestOf(executor, rows, _time);
    }

    private static TensorSignature Describe(OrtValueInfo info)
    {
        if (info.WhyUnsupported is { } why) throw new ModelLoadException($"'{info.Name}' cannot be served: {why}");
        IReadOnlyList<OrtDimension> dimensions = info.Dimensions
            ?? throw new ModelLoadException($"'{info.Name}' cannot be served: the model file does not say how many dimensions it has");
        if (dimensions.Count > TensorShape.MaxRank) throw new ModelLoadException($"'{info.Name}' has {dimensions.Count} dimensions; at most {TensorShape.MaxRank} can be served");
        return new TensorSignature(info.Name, info.ElementType, [.. dimensions.Select(each => each.Size)], [.. dimensions.Select(each => each.Name)]);
    }

    [LoggerMessage(
        3001,
        LogLevel.Information,
        "Model {Model}: {Threads} intra-op threads, measured with {Rows} rows: 1 thread {AloneMicroseconds:F0} µs, {All} threads {TogetherMicroseconds:F0} µs",
        EventName = "ThreadsChosen")]
    private static partial void LogThreads(ILogger logger, string model, int threads, int rows, double aloneMicroseconds, int all, double togetherMicroseconds);

    [LoggerMessage(3002, LogLevel.Warning, "Model {Model}: {Provider} cannot be had, so {Next} is tried, as its configuration says: {Reason}", EventName = "ProviderFallback")]
    private static partial void LogFallback(ILogger logger, string model, string provider, string next, string reason);

    [LoggerMessage(3004, LogLevel.Information, "Model {Model} on {Device}: its work is not recorded as graphs, but told anew for each batch: {Reason}", EventName = "NoGraphs")]
    private static partial void LogNoGraphs(ILogger logger, string model, string device, string reason);

    [LoggerMessage(3003, LogLevel.Warning, "Model {Model} on {Device}: {Count} nodes run on the CPU: {Nodes}", EventName = "NodesOnCpu")]
    private static partial void LogCpuNodes(ILogger logger, string model, string device, int count, string nodes);

    [LoggerMessage(3005, LogLevel.Information, "Model {Model}: loaded as it was compiled for {Provider} at {Made:u}", EventName = "CompiledModelLoaded")]
    private static partial void LogCompiled(ILogger logger, string model, string provider, DateTime made);

    [LoggerMessage(3006, LogLevel.Information, "Model {Model}: compiled anew for {Provider} in {Seconds:F1} s, for what was compiled does not fit: {Reason}", EventName = "CompiledModelRemade")]
    private static partial void LogCompiledAnew(ILogger logger, string model, string provider, string reason, double seconds);

    [LoggerMessage(3007, LogLevel.Warning, "Model {Model}: what was compiled for {Provider} does not fit and cannot be made anew, so the model is loaded as it is: {Reason}; {Problem}", EventName = "CompiledModelLost")]
    private static partial void LogCompiledLost(ILogger logger, string model, string provider, string reason, string problem);

    [LoggerMessage(3008, LogLevel.Information, "Model {Model}: what was compiled for {Provider} does not fit, so the model is loaded as it is: {Reason}", EventName = "CompiledModelUnused")]
    private static partial void LogCompiledUnused(ILogger logger, string model, string provider, string reason);

    [LoggerMessage(3009, LogLevel.Warning, "Model {Model}: what was compiled for {Provider} fits and was refused, so the model is loaded as it is: {Reason}", EventName = "CompiledModelRefused")]
    private static partial void LogCompiledRefused(ILogger logger, string model, string provider, string reason);
}
