using System.Net;
using Gateway.Harness.Load;
using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects;

namespace Gateway.Harness.Scenarios.Cache;

/// <summary>
/// Requests whose popularity follows Zipf's law, of ten times as many bytes as the cache has: its hit ratio beside that of an ideal LRU cache of the same size, and beside that of the same cache with each answer
/// inserted, as <c>Inference-Cache: keep</c> asks for; and once more with a disk of four times the memory.
/// </summary>
/// <remarks>The ideal one spends its bytes on entries alone, no index and no empty pages, and knows no admission.</remarks>
internal sealed class CacheZipf : IScenario
{
    private const int Connections = 64;
    private const int MemoryBytes = 8 << 20;
    private const int DiskBytes = 4 * MemoryBytes;
    private const double Exponent = 0.99;

    // An eighth of the memory is index, and pages are empty at their ends: admission is to make up for that.
    private static readonly Budget BesideIdeal = Budget.AtLeast(1);
    private static readonly Budget BesidePlain = Budget.AtLeast(1);

    public string Name => "cache-zipf";

    public string Summary => "hit ratio of a Zipf(0.99) load over ten times the cache's memory ÷ that of an ideal LRU cache, and ÷ that without admission";

    public IReadOnlyList<Comparison> Measure(Effort effort)
    {
        using CacheRepository repository = new();
        (Series admitted, Series ideal, Series[] facts) = MeasureOne("gateway", effort, repository, header: "");
        (Series inserted, Series idealBeside, Series[] factsBeside) = MeasureOne("all inserted", effort, repository, "Inference-Cache: keep");
        (Series spilled, Series idealOnDisk, Series[] factsOnDisk) = MeasureOne("with a disk", effort, repository, header: "", hasDisk: true);
        return
        [
            new Comparison("mlp, memory alone", Series.Ratio(admitted, ideal), BesideIdeal, [admitted, ideal, .. facts]),
            new Comparison("mlp, memory alone, all inserted", Series.Ratio(inserted, idealBeside), Budget: null, [inserted, idealBeside, .. factsBeside]),
            new Comparison("what admission gives", Series.Ratio(admitted, inserted), BesidePlain, [admitted, inserted]),
            new Comparison("mlp, with a disk", Series.Ratio(spilled, idealOnDisk), BesideIdeal, [spilled, idealOnDisk, .. factsOnDisk]),
        ];
    }

    private static (Series Ours, Series Ideal, Series[] Facts) MeasureOne(string name, Effort effort, CacheRepository repository, string header, bool hasDisk = false)
    {
        string[] disk = hasDisk ? ["--cache-directory", repository.Disk, "--cache-disk-byte-size", $"{DiskBytes}"] : [];
        using ServerProcess server = effort.Programs.StartGateway(repository.Models, out int metrics, out IPEndPoint _, null, ["--cache-memory-byte-size", $"{MemoryBytes}", .. disk]);
        InferExchange exchange = InferExchange.For(BenchModel.Mlp, header: header);
        ClosedLoop.Probe(server.EndPoint, exchange);

        // One entry is in it.
        double entryBytes = MetricsPage.Read(metrics, "gateway_cache_model_bytes{model=\"mlp\"");
        if (entryBytes == 0) throw new InvalidDataException("the cache has kept nothing");
        ZipfNumbers numbers = new((int)(10 * MemoryBytes / entryBytes), Exponent, seed: 1);
        LruCount ideal = new((int)((hasDisk ? DiskBytes : MemoryBytes) / entryBytes));
        exchange = exchange with { Numbers = () => ideal.Ask(numbers.Next()) };

        // Until what is there is what the load has put there.
        ClosedLoop.Run(server.EndPoint, exchange, Connections, (hasDisk ? 12 : 4) * effort.WarmUpSeconds, () => server.CpuTime);
        double[] ours = new double[effort.Rounds];
        double[] theirs = new double[effort.Rounds];
        for (int round = 0; round < effort.Rounds; round++)
        {
            (long idealHits, long idealAsked) = (ideal.Hits, ideal.Asked);
            double hits = MetricsPage.Read(metrics, "nv_cache_num_hits");
            double lookups = MetricsPage.Read(metrics, "nv_cache_num_lookups");
            effort.Load(server, exchange, Connections);
            ours[round] = (MetricsPage.Read(metrics, "nv_cache_num_hits") - hits) / (MetricsPage.Read(metrics, "nv_cache_num_lookups") - lookups);
            theirs[round] = (double)(ideal.Hits - idealHits) / (ideal.Asked - idealAsked);
        }

        return (
            new Series(name, "hits/lookup", ours),
            new Series("ideal LRU", "hits/lookup", theirs),
            [new Series("different requests", "", [numbers.Count]), new Series("entry", "B", [entryBytes])]);
    }
}
