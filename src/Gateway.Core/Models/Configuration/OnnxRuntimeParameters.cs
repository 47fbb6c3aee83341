namespace Gateway.Core.Models.Configuration;

/// <summary>The <c>parameters</c> that Triton's ONNX Runtime backend knows, typed.</summary>
public sealed record OnnxRuntimeParameters
{
    /// <summary>Threads within one operator; null (or a written 0) leaves the number to the engine.</summary>
    public int? IntraOpThreadCount { get; init; }

    /// <summary>Threads across operators, used only in parallel execution; null (or a written 0) leaves the number to ONNX Runtime.</summary>
    public int? InterOpThreadCount { get; init; }

    /// <summary>Whether independent operators run at the same time (<c>execution_mode</c> 1).</summary>
    public bool IsParallelExecution { get; init; }

    /// <summary>Whether the CPU provider allocates from an arena; null is ONNX Runtime's default.</summary>
    public bool? EnableMemoryArena { get; init; }

    /// <summary>Whether allocation patterns are planned ahead; null is ONNX Runtime's default.</summary>
    public bool? EnableMemoryPattern { get; init; }

    /// <summary>Arenas to shrink after each run, such as <c>cpu:0;gpu:0</c>, for the run options; null is none.</summary>
    public string? MemoryArenaShrinkage { get; init; }

    /// <summary>Session configuration entries (of the keys that start with <c>session.</c> or <c>optimization.</c> those that may be set) to hand to ONNX Runtime as they are.</summary>
    public IReadOnlyDictionary<string, string> SessionConfigEntries { get; init; } = new Dictionary<string, string>();

    /// <summary>Options of the CUDA provider by ONNX Runtime's names, from Triton's older top-level parameters; they win over the accelerator's.</summary>
    public IReadOnlyDictionary<string, string> CudaProviderOptions { get; init; } = new Dictionary<string, string>();
}
