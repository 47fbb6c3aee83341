using Gateway.Core.Models.Configuration;
using Gateway.OnnxRuntime.Backend.Devices;
using Gateway.OnnxRuntime.Sessions;

namespace Gateway.OnnxRuntime.Backend;

/// <summary>Turns a model's configuration into session options.</summary>
internal static class SessionSettings
{
    /// <summary>Stands for the threads of the environment, shared by all models.</summary>
    public const int SharedThreads = 0;

    /// <param name="config">The model's configuration, as far as it is written.</param>
    /// <param name="choice">What is to run it.</param>
    /// <param name="traits">Of the device that is to run it; null for the CPU.</param>
    /// <param name="intraOpThreads">Threads within an operator, the calling one included; <see cref="SharedThreads"/> for those that all models share.</param>
    public static OrtSessionOptions For(ModelConfig config, ProviderChoice choice, int intraOpThreads, DeviceTraits? traits = null)
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
            if (choice.IsCpu) return options;
            choice.AddTo(options, traits!);
            return options.RecordAssignment();
        }
        catch
        {
            options.Dispose();
            throw;
        }
    }
}
