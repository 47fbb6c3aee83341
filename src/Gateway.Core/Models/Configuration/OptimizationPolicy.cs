namespace Gateway.Core.Models.Configuration;

/// <summary>How a model's graph is prepared and what executes it.</summary>
public sealed record OptimizationPolicy
{
    public GraphOptimization GraphOptimization { get; init; }

    /// <summary>Accelerators for instances on a GPU, in the order they are to be tried; empty is CUDA alone.</summary>
    public IReadOnlyList<ExecutionAccelerator> GpuAccelerators { get; init; } = [];

    /// <summary>Whether the device's work for each batch size is recorded once and replayed (<c>optimization.cuda.graphs</c>); null where nothing is said: where CUDA can, then.</summary>
    public bool? CapturesGraphs { get; init; }

    /// <summary>Whether inputs are gathered in page-locked memory when the device has it.</summary>
    public bool InputPinnedMemory { get; init; } = true;

    /// <summary>Whether outputs are received in page-locked memory when the device has it.</summary>
    public bool OutputPinnedMemory { get; init; } = true;
}

/// <summary>ONNX Runtime's graph optimisation, with the numbers <c>optimization.graph.level</c> has in Triton's ONNX Runtime backend.</summary>
public enum GraphOptimization
{
    Basic = -1,
    All = 0,
    Extended = 1,
    None = 2,
}
