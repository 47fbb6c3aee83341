using System.Buffers;
using Gateway.Core.Caching;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Tenants;
using Gateway.Server.Hosting;
using Gateway.Server.Metrics.Gpu;

namespace Gateway.Server.Metrics;

/// <summary>All metrics, as one text.</summary>
/// <remarks><b>Threading</b>: any thread. <b>Cost</b>: paid by the scrape; a request only counts.</remarks>
internal sealed class MetricsPage(ModelCatalog catalog, BlockPool pool, ConnectionCounts connections, MachineUsage machine, GpuUsage gpus, TenantDirectory tenants, ResponseCache? cache = null, IEnumerable<IMetricFamilies>? others = null)
{
    public const string ContentType = "text/plain; charset=utf-8";

    public void Write(IBufferWriter<byte> output)
    {
        PrometheusWriter writer = new(output);
        IReadOnlyList<ModelStatus> index = catalog.Index;
        IReadOnlyList<ModelSample> models = ModelSample.Take(index);
        TritonFamilies.Write(writer, models, pool, machine);
        GpuFamilies.Write(writer, gpus.Take());
        CacheFamilies.Write(writer, models, cache?.Usage());
        GatewayFamilies.Write(writer, index, models, pool, connections);
        TenantFamilies.Write(writer, tenants);
        PlacementFamilies.Write(writer, index);
        foreach (IMetricFamilies families in others ?? []) families.Write(writer);
        ProcessFamilies.Write(writer);
    }
}
