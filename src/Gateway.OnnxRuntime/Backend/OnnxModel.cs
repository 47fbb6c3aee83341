using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.OnnxRuntime.Environments;
using Gateway.OnnxRuntime.Errors;
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
    private readonly ModelSource _source;
    private readonly OrtEnvironment _environment;
    private readonly BlockPool _pool;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Dictionary<(int? Gpu, int Threads), OrtSession> _sessions = [];
    private readonly HashSet<string> _devices = [];
    private int? _threads;

    public OnnxModel(ModelSource source, OrtEnvironment environment, BlockPool pool, TimeProvider time, ILogger logger)
    {
        _source = source;
        _environment = environment;
        _pool = pool;
        _time = time;
        _logger = logger;
        _threads = source.Declared?.OnnxRuntime.IntraOpThreadCount;
        try
        {
            // The session that says what the model takes is also the one that most models run.
            OrtSession session = Session(gpu: null, _threads ?? 1);
            Signature = new ModelSignature([.. session.Inputs.Select(Describe)], [.. session.Outputs.Select(Describe)]);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public ModelSignature Signature { get; }

    public string Device => string.Join(", ", _devices);

    public IModelExecutor CreateExecutor(ModelLayout layout, InstanceGroup group, int instances)
    {
        int? gpu = group.Kind == InstanceKind.Gpu ? group.Gpus.Count > 0 ? group.Gpus[0] : 0 : null;
        int threads = gpu is null ? _threads ??= ChooseThreads(layout, instances) : _threads ?? 1;
        _devices.Add((gpu, threads) switch
        {
            ({ } device, _) => $"GPU {device}",
            (_, SessionSettings.SharedThreads) => $"CPU, {Environment.ProcessorCount} threads",
            (_, 1) => "CPU, 1 thread",
            _ => $"CPU, {threads} threads",
        });
        return new OnnxExecutor(layout, Session(gpu, threads), isOnCpu: gpu is null, _pool, _time);
    }

    public void Dispose()
    {
        foreach (OrtSession session in _sessions.Values) session.Dispose();
        _sessions.Clear();
    }

    private OrtSession Session(int? gpu, int threads)
    {
        if (_sessions.TryGetValue((gpu, threads), out OrtSession? session)) return session;
        try
        {
            using OrtSessionOptions options = SessionSettings.For(_source.Declared ?? new ModelConfig { Name = _source.Name }, gpu, threads);
            return _sessions[(gpu, threads)] = OrtSession.Load(_environment, _source.File, options);
        }
        catch (OrtException error)
        {
            throw new ModelLoadException(error.Message, error);
        }
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
        if (_sessions.Remove((null, SessionSettings.SharedThreads), out OrtSession? unwanted)) unwanted.Dispose();
        return 1;
    }

    private long Try(ModelLayout layout, int threads, int rows)
    {
        using OnnxExecutor executor = new(layout, Session(gpu: null, threads), isOnCpu: true, _pool, _time);
        return ThreadTrial.BestOf(executor, rows, _time);
    }

    private TensorSignature Describe(OrtValueInfo info)
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
}
