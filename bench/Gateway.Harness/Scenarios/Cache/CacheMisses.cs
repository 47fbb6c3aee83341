using System.Net;
using Gateway.Harness.Load;
using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects;

namespace Gateway.Harness.Scenarios.Cache;

/// <summary>No request comes twice, and the store is full and writes to its disk: what that costs beside a server without a cache.</summary>
/// <remarks>
/// Once as it is (a full cache keeps nothing that is asked for once, so nothing spills), and once with each answer kept, by <c>Inference-Cache: keep</c>, so that all of them are looked for and spill; over frames too. For
/// the ten minutes in which memory is to stay flat: <c>--seconds 600 --rounds 1</c>.
/// </remarks>
internal sealed class CacheMisses : IScenario
{
    private const int Connections = 64;
    private const int FrameConnections = 8;
    private const int FrameWindow = 16;
    private const double MiB = 1 << 20;

    private static readonly Budget Left = Budget.AtLeast(0.95);

    // What the server takes besides the cache breathes by some megabytes; over ten minutes of a leak of one byte an answer there would be more.
    private static readonly Budget Growth = Budget.AtMost(16);

    private static readonly string[] Store = ["--cache-memory-byte-size", $"{8 << 20}", "--cache-disk-byte-size", $"{32 << 20}", "--cache-directory"];

    private long _number;

    public string Name => "cache-misses";

    public string Summary => "throughput of requests that never come twice, with a cache that is full ÷ without one; memory at the beginning and the end";

    public IReadOnlyList<Comparison> Measure(Effort effort)
    {
        using CacheRepository cached = new();
        using CacheRepository plain = new(isCached: false);
        using ServerProcess with = effort.Programs.StartGateway(cached.Models, out int metrics, out IPEndPoint framesWith, null, [.. Store, cached.Disk]);
        using ServerProcess without = effort.Programs.StartGateway(plain.Models, out _, out IPEndPoint framesWithout);
        List<Comparison> comparisons = [];
        foreach (BenchModel model in new[] { BenchModel.Mlp, BenchModel.Conv })
        {
            InferExchange once = InferExchange.For(model) with { Numbers = Next };
            InferExchange kept = InferExchange.For(model, header: "Inference-Cache: keep") with { Numbers = Next };
            effort.WarmUp(without, once);
            Fill(effort, with, metrics, kept);
            comparisons.AddRange(Compare($"{model.Name}, asked for once", effort, metrics, with, () => effort.Load(with, once, Connections), () => effort.Load(without, once, Connections)));
            comparisons.AddRange(Compare($"{model.Name}, all kept", effort, metrics, with, () => effort.Load(with, kept, Connections), () => effort.Load(without, kept, Connections)));
            FrameExchange frames = FrameExchange.For(model);
            frames.Numbers = Next;
            comparisons.AddRange(Compare(
                $"{model.Name} over frames, asked for once", effort, metrics, with, () => OverFrames(effort, with, framesWith, frames), () => OverFrames(effort, without, framesWithout, frames)));
        }

        return comparisons;
    }

    private long Next() => ++_number;

    private static Series Cpu(string name, LoadResult[] results) => new(name, "µs/inference", [.. results.Select(result => 1e6 * result.ServerBusy / result.PerSecond)]);

    /// <summary>Until it has written more than its disk has room for.</summary>
    private static void Fill(Effort effort, ServerProcess server, int metrics, InferExchange kept)
    {
        do effort.WarmUp(server, kept);
        while (MetricsPage.Read(metrics, "gateway_cache_spilled_bytes_total") < 40 * MiB);
    }

    private static LoadResult OverFrames(Effort effort, ServerProcess server, IPEndPoint frames, FrameExchange exchange) =>
        FrameLoop.Run(frames, exchange, FrameConnections, FrameWindow, effort.Seconds, () => server.CpuTime, out _);

    private static Comparison[] Compare(string name, Effort effort, int metrics, ServerProcess with, Func<LoadResult> cached, Func<LoadResult> plain)
    {
        double resident = with.ResidentBytes / MiB;
        double spilled = MetricsPage.Read(metrics, "gateway_cache_spilled_bytes_total");
        double hits = MetricsPage.Read(metrics, "nv_cache_num_hits");
        (LoadResult[] ofWith, LoadResult[] ofWithout) = effort.InTurn(cached, plain);
        Series ours = new("cache full", "inferences/s", [.. ofWith.Select(result => result.PerSecond)]);
        Series theirs = new("no cache", "inferences/s", [.. ofWithout.Select(result => result.PerSecond)]);
        double residentAfter = with.ResidentBytes / MiB;
        return
        [
            new Comparison(
                name,
                Series.Ratio(ours, theirs),
                Left,
                [
                    ours,
                    theirs,
                    Cpu("server CPU, cache full", ofWith),
                    Cpu("server CPU, no cache", ofWithout),
                    new Series("spilled meanwhile", "MiB", [(MetricsPage.Read(metrics, "gateway_cache_spilled_bytes_total") - spilled) / MiB]),
                    new Series("hits meanwhile", "", [MetricsPage.Read(metrics, "nv_cache_num_hits") - hits]),
                ],
                new { ofWith, ofWithout }),
            new Comparison($"{name}: growth of memory", new Series("growth", "MiB", [residentAfter - resident]), Growth, [new Series("resident before and after", "MiB", [resident, residentAfter])]),
        ];
    }
}
