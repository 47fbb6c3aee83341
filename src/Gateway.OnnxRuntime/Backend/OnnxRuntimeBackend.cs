using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.OnnxRuntime.Environments;
using Microsoft.Extensions.Logging;

namespace Gateway.OnnxRuntime.Backend;

/// <summary>Serves ONNX models through ONNX Runtime.</summary>
/// <remarks><b>Threading</b>: any thread. <b>Ownership</b>: dispose it after every model that it loaded.</remarks>
public sealed class OnnxRuntimeBackend(BlockPool pool, TimeProvider time, ILoggerFactory loggers) : IExecutionBackend, IDisposable
{
    private readonly OrtEnvironment _environment = OrtEnvironment.Open(loggers.CreateLogger("OnnxRuntime"), SharedPools);

    /// <summary>Threads that all models share which want more than one: as many as there are cores, whatever the number of models.</summary>
    internal static OrtThreadPools SharedPools { get; } = new(IntraOpThreads: Environment.ProcessorCount);

    public string Name => "onnxruntime";

    public ILoadedModel Load(ModelSource source) =>
        new OnnxModel(source, _environment, pool, time, loggers.CreateLogger<OnnxModel>());

    public void Dispose() => _environment.Dispose();
}
