using System.Globalization;
using System.Net;
using Gateway.Harness.Subjects;
using ServerProcess = Gateway.Harness.Subjects.ServerProcess;

namespace Gateway.Harness.Models;

/// <summary>Three gateways whose model waits, in one of them five times as long, and a door without the model before them: by overflow, and by routes with each of the policies that spread load.</summary>
/// <remarks><b>Ownership</b>: owns the processes.</remarks>
internal sealed class UnevenFleet : IDisposable
{
    /// <summary>How much slower the slow one is.</summary>
    public const int Slowness = 5;

    private const int BaseMicroseconds = 20_000;
    private const int RowMicroseconds = 1000;
    private const int Replicas = 3;

    private readonly TimedRepository _fast = new(BenchModel.Timed, BaseMicroseconds, RowMicroseconds);
    private readonly TimedRepository _slow = new(BenchModel.Timed, Slowness * BaseMicroseconds, Slowness * RowMicroseconds);
    private readonly DirectoryInfo _empty = Directory.CreateTempSubdirectory("gateway-empty-");
    private readonly List<ServerProcess> _servers = [];

    /// <param name="policies">Names of YARP's load balancing policies; each is a route of its own.</param>
    public UnevenFleet(IReadOnlyList<string> policies)
    {
        try
        {
            Programs programs = new(TimedFleet.Program);
            int[] ports = [.. Enumerable.Range(0, Replicas).Select(_ => ServerProcess.FreePort())];
            for (int i = 0; i < Replicas; i++) _servers.Add(programs.StartGateway((i == 0 ? _slow : _fast).Path, ports[i], out _, out _));
            string[] addresses = [.. ports.Select(port => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}"))];
            string settings = Path.Combine(_empty.FullName, "proxy.json");
            File.WriteAllText(settings, Settings(policies, addresses));
            string models = _empty.CreateSubdirectory("models").FullName;
            int own = ServerProcess.FreePort();
            _servers.Add(programs.StartGateway(
                models, own, out _, out _, ["--model-control-mode", "explicit", "--proxy-config", settings, .. addresses.SelectMany(address => new[] { "--overflow-replica", address })]));
            Door = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{own}"));
            Await();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What all can do, in requests a second.</summary>
    public static double Capacity { get; } = TimedFleet.CapacityOfOne * (Replicas - 1 + (1.0 / Slowness));

    /// <summary>CPU time of all.</summary>
    public TimeSpan CpuTime => _servers.Aggregate(TimeSpan.Zero, static (sum, server) => sum + server.CpuTime);

    /// <summary>Where calls go that overflow spreads.</summary>
    public Uri Overflow => new(Door, $"/v2/models/{BenchModel.Timed.Name}/infer");

    private Uri Door { get; } = null!;

    /// <summary>Where calls go that a policy spreads.</summary>
    public Uri RouteOf(string policy) => new(Door, $"/{policy}");

    public void Dispose()
    {
        foreach (ServerProcess server in _servers) server.Dispose();
        _fast.Dispose();
        _slow.Dispose();
        _empty.Delete(recursive: true);
    }

    private static string Settings(IReadOnlyList<string> policies, string[] addresses)
    {
        string destinations = string.Join(", ", addresses.Select((address, i) => string.Create(CultureInfo.InvariantCulture, $$""" "r{{i}}": { "Address": "{{address}}" }""")));
        IEnumerable<string> routes = policies.Select(policy => $$"""
            "{{policy}}": { "ClusterId": "{{policy}}", "Match": { "Path": "/{{policy}}" }, "Metadata": { "x-model": "{{BenchModel.Timed.Name}}" }, "Transforms": [ { "PathSet": "/v2/models/{{BenchModel.Timed.Name}}/infer" } ] }
            """);
        IEnumerable<string> clusters = policies.Select(policy => $$"""
            "{{policy}}": { "LoadBalancingPolicy": "{{policy}}", "Destinations": { {{destinations}} } }
            """);
        return $$"""
            { "ReverseProxy": { "Routes": { {{string.Join(",\n", routes)}} }, "Clusters": { {{string.Join(",\n", clusters)}} } } }
            """;
    }

    /// <summary>Waits until the door forwards: until it has asked the replicas, it knows of no such model.</summary>
    private void Await()
    {
        using HttpClient http = new();
        string zeros = string.Join(',', Enumerable.Repeat("0", BenchModel.Timed.InputElements));
        string body = string.Create(CultureInfo.InvariantCulture, $$"""{"inputs":[{"name":"x","datatype":"INT64","shape":[1,{{BenchModel.Timed.InputElements}}],"data":[{{zeros}}]}]}""");
        while (true)
        {
            using HttpRequestMessage request = new(HttpMethod.Post, Overflow) { Content = new StringContent(body) };
            using HttpResponseMessage answer = http.Send(request);
            if (answer.StatusCode == HttpStatusCode.OK) return;
        }
    }
}
