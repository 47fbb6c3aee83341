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
/// <b>Behaviour</b>: each instance has a session of its own; the weights that providers repack are shared among them. The session that read the
/// signature becomes the first instance's when its settings turn out to be the ones wanted.
/// <b>Threading</b>: one thread loads. <b>Ownership</b>: executors own their sessions.
/// </remarks>
internal sealed partial class OnnxModel : ILoadedModel
{
    private readonly ModelSource _source;
    private readonly OrtEnvironment _environment;
    private readonly BlockPool _pool;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly OrtPrepackedWeights _weights = new();
    private readonly HashSet<string> _devices = [];
    private OrtSession? _first;
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
            _first = Open(gpu: null, _threads ?? 1);
            Signature = new ModelSignature([.. _first.Inputs.Select(Describe)], [.. _first.Outputs.Select(Describe)]);
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
        int threads = _threads ??= gpu is null ? ChooseThreads(layout, instances) : 1;
        _devices.Add(gpu is { } device ? $"GPU {device}" : threads == 1 ? "CPU, 1 thread" : $"CPU, {threads} threads");
        return CreateExecutor(layout, gpu, threads);
    }

    public void Dispose()
    {
        _first?.Dispose();
        _first = null;
        _weights.Dispose();
    }

    private OnnxExecutor CreateExecutor(ModelLayout layout, int? gpu, int threads)
    {
        OrtSession session;
        if (_first is not null && gpu is null && threads == (_source.Declared?.OnnxRuntime.IntraOpThreadCount ?? 1))
        {
            (session, _first) = (_first, null);
        }
        else
        {
            session = Open(gpu, threads);
        }

        try
        {
            return new OnnxExecutor(layout, session, _pool, _time);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    private OrtSession Open(int? gpu, int threads)
    {
        try
        {
            using OrtSessionOptions options = SessionSettings.For(_source.Declared ?? new ModelConfig { Name = _source.Name }, gpu, threads);
            return OrtSession.Load(_environment, _source.File, options, _weights);
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
        int rows = Math.Min(layout.MaxBatchRows, 8);
        using OnnxExecutor one = CreateExecutor(layout, gpu: null, 1);
        long alone = ThreadTrial.BestOf(one, rows);
        if (alone < 0) return 1;
        int all = cores / instances;
        using OnnxExecutor many = CreateExecutor(layout, gpu: null, all);
        long together = ThreadTrial.BestOf(many, rows);

        // The other cores are not free: they are the front door's. A second one must bring at least half of what it could.
        bool pays = together * (1 + ((all - 1) / 2.0)) < alone;
        LogThreads(_logger, _source.Name, pays ? all : 1, rows, _time.GetElapsedTime(0, alone).TotalMicroseconds, all, _time.GetElapsedTime(0, together).TotalMicroseconds);
        return pays ? all : 1;
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
