using Gateway.Core.Models.Configuration;
using Gateway.OnnxRuntime.Sessions;

namespace Gateway.OnnxRuntime.Backend;

/// <summary>Turns a model's configuration into session options.</summary>
internal static class SessionSettings
{
    /// <summary>Stands for the threads of the environment, shared by all models.</summary>
    public const int SharedThreads = 0;

    /// <param name="config">The model's configuration, as far as it is written.</param>
    /// <param name="gpu">Number of the GPU; null for the CPU.</param>
    /// <param name="intraOpThreads">Threads within an operator, the calling one included; <see cref="SharedThreads"/> for those that all models share.</param>
    public static OrtSessionOptions For(ModelConfig config, int? gpu, int intraOpThreads)
    {
        OnnxRuntimeParameters parameters = config.OnnxRuntime;
        OrtSessionOptions options = new OrtSessionOptions()
            .GraphOptimization(config.Optimization.GraphOptimization switch
            {
                GraphOptimization.None => OrtGraphOptimization.None,
                GraphOptimization.Basic => OrtGraphOptimization.Basic,
                GraphOptimization.Extended => OrtGraphOptimization.Extended,
                _ => OrtGraphOptimization.All,
            });
        try
        {
            if (intraOpThreads == SharedThreads) options.ShareThreadPools();
            else options.IntraOpThreads(intraOpThreads);

            // Threads that spin between operators take the cores that the front door needs.
            options.Spinning(false);
            if (parameters.InterOpThreadCount is { } interOp) options.InterOpThreads(interOp);
            options.ParallelExecution(parameters.IsParallelExecution);
            if (parameters.EnableMemoryArena is { } arena) options.CpuArena(arena);
            if (parameters.EnableMemoryPattern is { } pattern) options.MemoryPattern(pattern);
            foreach ((string key, string value) in parameters.SessionConfigEntries) options.ConfigEntry(key, value);
            if (gpu is { } device) AddProviders(options, config, device);
            return options;
        }
        catch
        {
            options.Dispose();
            throw;
        }
    }

    private static void AddProviders(OrtSessionOptions options, ModelConfig config, int device)
    {
        bool hasCuda = false;
        foreach (ExecutionAccelerator accelerator in config.Optimization.GpuAccelerators)
        {
            bool isWebGpu = accelerator.Name == ExecutionAccelerator.WebGpu;
            hasCuda |= accelerator.Name != ExecutionAccelerator.TensorRt;
            string provider = accelerator.Name switch
            {
                ExecutionAccelerator.TensorRt => OrtProviders.TensorRt,
                ExecutionAccelerator.WebGpu => OrtProviders.WebGpu,
                _ => OrtProviders.Cuda,
            };
            options.AddProvider(provider, isWebGpu ? accelerator.ProviderOptions : With(accelerator.ProviderOptions, device));
        }

        // As in Triton, CUDA stands behind TensorRT for what that cannot run, and is the provider of a GPU instance that names none.
        if (!hasCuda) options.AddProvider(OrtProviders.Cuda, With(config.OnnxRuntime.CudaProviderOptions, device));
    }

    private static Dictionary<string, string> With(IReadOnlyDictionary<string, string> options, int device) =>
        new(options) { ["device_id"] = device.ToString(System.Globalization.CultureInfo.InvariantCulture) };
}
