using System.Text;
using Gateway.Harness.Load;
using Gateway.Harness.Machine;
using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects;

namespace Gateway.Harness.Scenarios;

/// <summary>The gateway's proxy beside nginx and HAProxy: the same requests to the same upstream through each.</summary>
/// <remarks>
/// A proxy has the server's core to itself; the upstream, a bare endpoint, shares the client's. Where the two of them are the limit, requests a second say less than what a
/// request costs the proxy in CPU time, which is measured too.
/// </remarks>
internal sealed class Proxy : IScenario
{
    // As long as an answer's JSON part is, give or take a digit.
    private const int InferenceHeaderBytes = 150;

    private const string Guards = """ "api": { "FirstByteTimeout": "00:00:10", "Retry": {}, "CircuitBreaker": {} } """;

    public string Name => "proxy";

    public string Summary => "requests/s and CPU a request through the proxy ÷ through nginx and HAProxy (where installed), and p50 added to a direct call; small and 12 KB bodies";

    public IReadOnlyList<Comparison> Measure(Effort effort)
    {
        List<Comparison> comparisons = [];
        string folder = Directory.CreateTempSubdirectory("gateway-proxy").FullName;
        try
        {
            Measure(effort, BenchModel.Mlp, "plain", "", folder, comparisons);
            Measure(effort, BenchModel.Mlp, "guarded", Guards, folder, comparisons);
            Measure(effort, BenchModel.Mlp3K, "plain", "", folder, comparisons);
            return comparisons;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Measure(Effort effort, BenchModel model, string kind, string guards, string folder, List<Comparison> comparisons)
    {
        InferExchange exchange = Elsewhere(InferExchange.For(model));
        string? core = Affinity.CanPin ? $"{Affinity.ClientCore}" : null;
        using ServerProcess upstream = Programs.StartBareKestrel(InferenceHeaderBytes, InferenceHeaderBytes + model.OutputBytes, isTuned: false, core);
        string settings = Path.Combine(folder, "proxy.json");
        File.WriteAllText(
            settings,
            $$"""
            { "ReverseProxy": { "Routes": { "all": { "ClusterId": "api", "Match": { "Path": "{**rest}" } } },
              "Clusters": { "api": { "Destinations": { "a": { "Address": "http://127.0.0.1:{{upstream.EndPoint.Port}}" } } } } }, "Gateway": { "Resilience": { {{guards}} } } }
            """);
        using ServerProcess gateway = effort.Programs.StartGatewayProxying(BenchModel.Repository, settings);
        effort.WarmUp(gateway, exchange);
        effort.WarmUp(upstream, exchange);
        comparisons.Add(Added(effort, $"{model.Name}, {kind}, 1 connection", gateway, upstream, exchange));
        foreach ((string name, Func<ServerProcess> start) in OtherProxies.Installed(upstream.EndPoint.Port, folder))
        {
            using ServerProcess other = start();
            effort.WarmUp(other, exchange);
            foreach (int connections in (int[])[16, 64])
            {
                (LoadResult[] ours, LoadResult[] theirs) = effort.InTurn(() => effort.Load(gateway, exchange, connections), () => effort.Load(other, exchange, connections));
                string title = $"{model.Name}, {kind}, beside {name}, {connections} connections";
                comparisons.Add(Compare(title, name, "requests/s", ours, theirs, static result => result.PerSecond));
                comparisons.Add(Compare($"{title}, CPU", name, "µs/request", ours, theirs, static result => 1e6 * result.ServerBusy / result.PerSecond));
            }
        }
    }

    private static Comparison Compare(string title, string other, string unit, LoadResult[] ours, LoadResult[] theirs, Func<LoadResult, double> figure)
    {
        Series our = new("gateway", unit, [.. ours.Select(figure)]);
        Series their = new(other, unit, [.. theirs.Select(figure)]);
        return new Comparison(title, Series.Ratio(our, their), Budget: null, [our, their], new { ours, theirs });
    }

    private static Comparison Added(Effort effort, string title, ServerProcess gateway, ServerProcess upstream, InferExchange exchange)
    {
        (LoadResult[] through, LoadResult[] direct) = effort.InTurn(() => effort.Load(gateway, exchange, 1), () => effort.Load(upstream, exchange, 1));
        Series ours = new("through the proxy, p50", "µs", [.. through.Select(result => result.P50Microseconds)]);
        Series bare = new("direct, p50", "µs", [.. direct.Select(result => result.P50Microseconds)]);
        Series added = new("added", "µs", [.. ours.Rounds.Zip(bare.Rounds, (one, other) => one - other)]);
        return new Comparison(title, added, Budget.AtMost(200), [ours, bare], new { through, direct });
    }

    /// <summary>The same request to a path that is not the inference protocol's.</summary>
    private static InferExchange Elsewhere(InferExchange exchange)
    {
        ReadOnlySpan<byte> path = "/v2/models/"u8;
        int at = exchange.Request.AsSpan().IndexOf(path);
        return exchange with { Request = [.. exchange.Request[..at], .. Encoding.ASCII.GetBytes("/up/models/"), .. exchange.Request[(at + path.Length)..]] };
    }
}
