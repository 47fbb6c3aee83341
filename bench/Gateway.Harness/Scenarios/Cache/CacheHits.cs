using System.Net;
using Gateway.Harness.Load;
using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects;

namespace Gateway.Harness.Scenarios.Cache;

/// <summary>The same request again and again, answered from the cache: over HTTP beside the bare endpoint, over frames by what it costs the server, and with a photograph in it.</summary>
internal sealed class CacheHits : IScenario
{
    private static readonly Budget Ratio = Budget.AtLeast(0.85);
    private static readonly Budget Cpu = Budget.AtMost(2);
    private static readonly Budget Photograph = Budget.AtMost(200);

    public string Name => "cache-hits";

    public string Summary => "hits/s ÷ requests/s of a bare Kestrel endpoint; server CPU of a hit over frames; p99 of a hit of 602 KB";

    public IReadOnlyList<Comparison> Measure(Effort effort)
    {
        using CacheRepository repository = new();
        List<Comparison> comparisons = [];
        using (EndpointPair pair = EndpointPair.Gateway(effort, BenchModel.Mlp, repository.Models))
        {
            comparisons.AddRange(new[] { 1, 16, 64 }.Select(connections => pair.CompareThroughput($"hits over HTTP, {connections} connections", connections, connections > 1 ? Ratio : null)));
        }

        using ServerProcess server = effort.Programs.StartGateway(repository.Models, out int metrics, out IPEndPoint frames);
        comparisons.AddRange(OverFrames(effort, server, frames));
        comparisons.Add(OfAPhotograph(effort, server));
        double misses = MetricsPage.Read(metrics, "nv_cache_num_misses");
        comparisons.Add(new Comparison("runs of all of it", new Series("misses", "", [misses]), Budget.AtMost(2), []));
        return comparisons;
    }

    private static IEnumerable<Comparison> OverFrames(Effort effort, ServerProcess server, IPEndPoint frames)
    {
        FrameExchange exchange = FrameExchange.For(BenchModel.Mlp);
        FrameLoop.Run(frames, exchange, connections: 8, window: 64, effort.WarmUpSeconds, () => server.CpuTime, out _);
        foreach ((int connections, int window) in new[] { (1, 1), (1, 256), (8, 256) })
        {
            LoadResult[] results = [.. Enumerable.Range(0, effort.Rounds).Select(_ => FrameLoop.Run(frames, exchange, connections, window, effort.Seconds, () => server.CpuTime, out int _))];
            yield return new Comparison(
                $"hits over frames, {connections} connection{(connections > 1 ? "s" : "")}, window {window}",
                new Series("server CPU", "µs", [.. results.Select(result => 1e6 * result.ServerBusy / result.PerSecond)]),
                window > 1 ? Cpu : null,
                [
                    new Series("hits", "hits/s", [.. results.Select(result => result.PerSecond)]),
                    new Series("p50", "µs", [.. results.Select(result => result.P50Microseconds)]),
                    new Series("p99", "µs", [.. results.Select(result => result.P99Microseconds)]),
                ],
                results);
        }
    }

    private static Comparison OfAPhotograph(Effort effort, ServerProcess server)
    {
        InferExchange exchange = InferExchange.For(BenchModel.Image);
        ClosedLoop.Run(server.EndPoint, exchange, 1, effort.WarmUpSeconds, () => server.CpuTime);
        LoadResult[] results = [.. Enumerable.Range(0, effort.Rounds).Select(_ => ClosedLoop.Run(server.EndPoint, exchange, 1, effort.Seconds, () => server.CpuTime))];
        Series p50 = new("p50", "µs", [.. results.Select(result => result.P50Microseconds)]);
        return new Comparison("hits of 602 KB over HTTP, one at a time", new Series("p99", "µs", [.. results.Select(result => result.P99Microseconds)]), Photograph, [p50], results);
    }
}
