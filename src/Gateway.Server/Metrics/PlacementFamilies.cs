using System.Globalization;
using Gateway.Core.Execution;
using Gateway.Core.Models;

namespace Gateway.Server.Metrics;

/// <summary>Where models run: which provider has how many instances of each, and what of it the CPU does on its behalf.</summary>
internal static class PlacementFamilies
{
    public static void Write(PrometheusWriter writer, IReadOnlyList<ModelStatus> index)
    {
        const string Provider = "gateway_model_provider";
        writer.Family(Provider, "gauge", "Executors of a model version by what runs them; a device that has several batches under way has one for each.");
        foreach ((ModelStatus status, string version) in Served(index))
        {
            foreach (IGrouping<(string, string), ExecutionPlacement> same in status.Model!.Placements.GroupBy(placement => (placement.Device, placement.Provider)))
            {
                writer.Sample(Provider, same.Count(), ("device", same.Key.Item1), ("model", status.Name), ("provider", same.Key.Item2), ("version", version));
            }
        }

        const string CpuNodes = "gateway_model_cpu_nodes";
        writer.Family(CpuNodes, "gauge", "Nodes that run on the CPU of a model that is on a device.");
        foreach ((ModelStatus status, string version) in Served(index))
        {
            writer.Sample(CpuNodes, status.Model!.Placements.Select(placement => placement.CpuNodes.Count).DefaultIfEmpty().Max(), ("model", status.Name), ("version", version));
        }

        const string Fallbacks = "gateway_model_provider_fallbacks";
        writer.Family(Fallbacks, "gauge", "Providers that were to come first and could not be had.");
        foreach ((ModelStatus status, string version) in Served(index))
        {
            writer.Sample(Fallbacks, status.Model!.Placements.Select(placement => placement.Refused.Count).DefaultIfEmpty().Max(), ("model", status.Name), ("version", version));
        }
    }

    private static IEnumerable<(ModelStatus Status, string Version)> Served(IReadOnlyList<ModelStatus> index) =>
        index.Where(status => status.Model is not null).Select(status => (status, status.Version.ToString(CultureInfo.InvariantCulture)));
}
