using Gateway.Core.Execution;
using Gateway.Core.Execution.Devices;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.OnnxRuntime.Environments;
using Microsoft.Extensions.Logging;

namespace Gateway.OnnxRuntime.Backend;

/// <summary>Serves ONNX models through ONNX Runtime.</summary>
/// <remarks><b>Threading</b>: any thread. <b>Ownership</b>: dispose it after every model that it loaded.</remarks>
/// <param name="memory">Where models on devices are counted; null for nowhere.</param>
public sealed class OnnxRuntimeBackend(BlockPool pool, TimeProvider time, ILoggerFactory loggers, DeviceMemory? memory = null) : IExecutionBackend, IDisposable
{
    private readonly OrtEnvironment _environment = OrtEnvironment.Open(loggers.CreateLogger("OnnxRuntime"), SharedPools);

    private readonly DeviceMemory _memory = memory ?? new DeviceMemory(DeviceMemoryLimits.None);

    /// <summary>Threads that all models share which want more than one: as many as there are cores, whatever the number of models.</summary>
    internal static OrtThreadPools SharedPools { get; } = new(IntraOpThreads: Environment.ProcessorCount);

    public string Name => "onnxruntime";

    public ILoadedModel Load(ModelSource source) =>
        new OnnxModel(source, _environment, pool, time, loggers.CreateLogger<OnnxModel>(), _memory);

    public void Dispose() => _environment.Dispose();
}
