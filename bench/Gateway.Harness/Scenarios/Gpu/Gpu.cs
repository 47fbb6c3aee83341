using Gateway.Harness.Results;

namespace Gateway.Harness.Scenarios.Gpu;

/// <summary>All that is measured on a device, in one record; a part that fails costs the others nothing.</summary>
/// <param name="provider"><c>webgpu</c> or <c>cuda</c>.</param>
internal sealed class Gpu(string provider) : IScenario
{
    public string Name => $"gpu-{provider}";

    public string Summary => $"models on the {provider} provider: stages of a batch, overlap, the bare loop, the whole server";

    public bool PinsClient => false;

    public IReadOnlyList<Comparison> Measure(Effort effort)
    {
        List<Comparison> all = [];
        IGpuPart[] parts = [new GpuStages(provider), new GpuOverlap(provider, capturesGraphs: false), new GpuGateway(provider), new GpuOverlap(provider, capturesGraphs: true)];
        foreach (IGpuPart part in parts)
        {
            try
            {
                foreach (Comparison comparison in part.Measure(effort))
                {
                    all.Add(comparison with { Name = $"{part.Name}: {comparison.Name}" });
                    Console.WriteLine($"{part.Name}: {comparison.Name}: {comparison.Outcome}");
                }
            }
#pragma warning disable CA1031 // Time on a device is short: what the other parts measure is kept, whatever went wrong.
            catch (Exception error)
#pragma warning restore CA1031
            {
                Console.Error.WriteLine($"{part.Name} failed: {error.Message}");
                all.Add(new Comparison($"{part.Name}: failed", new Series(error.Message, "", [0]), null, []));
            }
        }

        return all;
    }
}
