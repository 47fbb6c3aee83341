using Gateway.Harness.Load;
using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects;

namespace Gateway.Harness.Scenarios;

/// <summary>Managed bytes that the whole server allocates for one request in steady state, by its own counters.</summary>
internal sealed class Allocation : IScenario
{
    private const string AllocatedBytes = "gateway_gc_allocated_bytes_total";
    private const string FullCollections = "gateway_gc_collections_total{generation=\"2\"";

    // From design.md, "Budgets".
    private static readonly Budget BytesPerRequest = Budget.AtMost(256);
    private static readonly Budget Gen2 = Budget.AtMost(0);

    public string Name => "allocation";

    public string Summary => "managed bytes allocated per request of mlp, and gen-2 collections, in steady state, 16 connections";

    public IReadOnlyList<Comparison> Measure(Effort effort)
    {
        InferExchange exchange = InferExchange.For(BenchModel.Mlp);
        using ServerProcess server = effort.Programs.StartGateway(BenchModel.Repository, out int metricsPort);
        effort.WarmUp(server, exchange);
        double[] bytes = new double[effort.Rounds];
        double[] collections = new double[effort.Rounds];
        for (int i = 0; i < effort.Rounds; i++)
        {
            double allocatedBefore = MetricsPage.Read(metricsPort, AllocatedBytes);
            double collectionsBefore = MetricsPage.Read(metricsPort, FullCollections);
            LoadResult load = effort.Load(server, exchange, connections: 16);
            bytes[i] = (MetricsPage.Read(metricsPort, AllocatedBytes) - allocatedBefore) / load.Answered;
            collections[i] = MetricsPage.Read(metricsPort, FullCollections) - collectionsBefore;
        }

        return
        [
            new Comparison("mlp, 16 connections", new Series("allocated", "B/request", bytes), BytesPerRequest, []),
            new Comparison("mlp, 16 connections", new Series("gen-2 collections", "", collections), Gen2, []),
        ];
    }
}
