using Gateway.Core.Models.Configuration.Reading;

namespace Gateway.Core.Models.Configuration;

/// <summary>One model's configuration, as Triton's <c>ModelConfig</c> means it; immutable.</summary>
/// <remarks>
/// <para><b>Behaviour</b>: everything a configuration file can say is either here, for the engine to act on, or was refused by name
/// when the file was read. A configuration fresh from <see cref="ModelConfigReader"/> may be short (no tensors, no batch size);
/// <see cref="ModelConfigCompletion"/> fills it from the model file.</para>
/// <para><b>Threading</b>: immutable, so free to share.</para>
/// </remarks>
public sealed record ModelConfig
{
    /// <summary>The model's name, which is its directory's name.</summary>
    public required string Name { get; init; }

    /// <summary>Triton's platform name: may be empty as declared, <c>onnxruntime_onnx</c> or <c>remote</c> once completed.</summary>
    public string Platform { get; init; } = "";

    /// <summary>Triton's backend name: may be empty as declared, <c>onnxruntime</c> or <c>remote</c> once completed.</summary>
    public string Backend { get; init; } = "";

    /// <summary>The model file within a version directory; empty as declared means <c>model.onnx</c>.</summary>
    public string DefaultModelFilename { get; init; } = "";

    /// <summary>The most rows in one batch; 0 when the model has no batch dimension.</summary>
    public int MaxBatchSize { get; init; }

    /// <summary>Whether the configuration wrote <c>max_batch_size</c> itself; an explicit 0 is kept, an absent one may be completed.</summary>
    public bool IsMaxBatchSizeDeclared { get; init; }

    /// <summary>Which versions are served; the single newest unless stated.</summary>
    public VersionPolicy VersionPolicy { get; init; } = VersionPolicy.Latest(1);

    /// <summary>Inputs in the configuration's order; those a configuration leaves out follow in the file's order.</summary>
    public IReadOnlyList<InputConfig> Inputs { get; init; } = [];

    /// <summary>Outputs that are served; a configuration may name fewer than the file has.</summary>
    public IReadOnlyList<OutputConfig> Outputs { get; init; } = [];

    /// <summary>Where instances run and how many; empty leaves both to the engine.</summary>
    public IReadOnlyList<InstanceGroup> InstanceGroups { get; init; } = [];

    /// <summary>The dynamic batcher's settings; null runs each request by itself.</summary>
    public DynamicBatching? DynamicBatching { get; init; }

    /// <summary>Graph level, accelerators and pinned memory.</summary>
    public OptimizationPolicy Optimization { get; init; } = new();

    /// <summary>All parameters as written, custom ones included.</summary>
    public IReadOnlyDictionary<string, string> Parameters { get; init; } = new Dictionary<string, string>();

    /// <summary>The parameters that ONNX Runtime sessions act on, typed.</summary>
    public OnnxRuntimeParameters OnnxRuntime { get; init; } = new();

    /// <summary>The server that runs the model; null for one that runs here.</summary>
    public RemoteParameters? Remote { get; init; }

    /// <summary>The backend that is to load it.</summary>
    public string BackendName => Remote is null ? ModelConfigValidator.OnnxRuntimeBackend : RemoteParameters.BackendName;

    /// <summary>Requests to run before the model counts as ready, in this order.</summary>
    public IReadOnlyList<ModelWarmup> Warmups { get; init; } = [];

    /// <summary>Whether responses of this model may be cached.</summary>
    public bool ResponseCacheEnabled { get; init; }

    /// <summary>Extra labels for this model's metrics.</summary>
    public IReadOnlyDictionary<string, string> MetricTags { get; init; } = new Dictionary<string, string>();

    /// <summary>Where each setting stands in the text it was read from, for later errors; null when there was no text.</summary>
    internal ConfigSource? Source { get; init; }
}
