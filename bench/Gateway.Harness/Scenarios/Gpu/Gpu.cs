using Gateway.Harness.Results;

namespace Gateway.Harness.Scenarios.Gpu;

/// <summary>All that is measured on a device, in one record; each part in a process of its own, so that one that fails, or takes its process with it, costs the others nothing.</summary>
/// <param name="provider"><c>webgpu</c> or <c>cuda</c>.</param>
internal sealed class Gpu(string provider) : IScenario
{
    public string Name => $"gpu-{provider}";

    public string Summary => $"models on the {provider} provider: stages of a batch, batches under way beside a bare loop, the whole server, recorded graphs";

    public bool PinsClient => false;

    /// <remarks>CUDA records graphs where it is not told otherwise, WebGPU where it is told to: the last part is the other way round.</remarks>
    public static IReadOnlyList<IGpuPart> Parts(string provider) =>
        [new GpuGateway(provider), new GpuOverlap(provider, null), new GpuStages(provider), new GpuCopies(provider), new GpuSearches(provider), new GpuOverlap(provider, capturesGraphs: provider != "cuda")];

    public IReadOnlyList<Comparison> Measure(Effort effort) => [.. MeasureInParts(effort).SelectMany(part => part)];

    public IEnumerable<IReadOnlyList<Comparison>> MeasureInParts(Effort effort) => Parts(provider).Select((_, part) => GpuPartProcess.Run(provider, part, effort));
}
