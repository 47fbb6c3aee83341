using Gateway.Core.Models.Configuration;

namespace Gateway.Core.Execution;

/// <summary>Where an instance runs, and what of its model does not run there.</summary>
/// <param name="Provider">What executes it, in lower case: <c>cpu</c>, <c>cuda</c>, <c>tensorrt</c>, <c>webgpu</c>, <c>remote</c>.</param>
/// <param name="Device">For people: <c>CPU, 1 thread</c>, <c>WebGPU</c>, <c>GPU 0</c>, the address of another server.</param>
/// <param name="CpuNodes">Nodes that the CPU runs on a device's behalf, such as <c>Tokenizer (tokens)</c>; empty for an instance on the CPU.</param>
/// <param name="Refused">Providers that were to come first and could not be had, each with its reason.</param>
public sealed record ExecutionPlacement(string Provider, string Device, IReadOnlyList<string> CpuNodes, IReadOnlyList<string> Refused)
{
    /// <summary>Whether its session was made from what <c>gateway compile</c> left beside the model.</summary>
    public bool IsCompiled { get; init; }

    /// <summary>Whether this machine's processor runs it.</summary>
    public bool IsOnCpu => Provider == ExecutionAccelerator.Cpu;

    /// <summary>Whether rows have to be brought to a device of this machine's.</summary>
    public bool IsOnDevice => !IsOnCpu && Provider is not ("unknown" or RemoteParameters.BackendName);

    /// <summary>Whether the first batch of each size takes much longer than those after it, so that few sizes are better than many.</summary>
    public bool PaysForNewSizes { get; init; }

    /// <summary>An instance that says nothing about itself.</summary>
    public static ExecutionPlacement Unknown { get; } = new("unknown", "unknown", [], []);
}
