using System.Globalization;
using Gateway.Harness.Load;
using Gateway.Harness.Machine;
using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects;

namespace Gateway.Harness.Scenarios;

/// <summary>What it costs that another server answers: a gateway without the model, whose requests all go to one that has it, beside that one called directly.</summary>
/// <remarks>The gateway that forwards has the server's core; the one that answers shares the client's.</remarks>
internal sealed class Hop : IScenario
{
    // From design.md, "Budgets".
    private static readonly Budget Most = Budget.AtMost(200);

    public string Name => "overflow-hop";

    public string Summary => "one request at a time, light model, HTTP binary: p50 added by forwarding to a replica on loopback";

    public IReadOnlyList<Comparison> Measure(Effort effort)
    {
        string folder = Directory.CreateTempSubdirectory("gateway-empty-").FullName;
        try
        {
            return [.. new[] { BenchModel.Mlp, BenchModel.Mlp3K }.Select(model => Measure(effort, model, folder))];
        }
        finally
        {
            Directory.Delete(folder);
        }
    }

    private static Comparison Measure(Effort effort, BenchModel model, string folder)
    {
        InferExchange exchange = InferExchange.For(model);
        using ServerProcess replica = effort.Programs.StartGateway(BenchModel.Repository, out _, Affinity.CanPin ? $"{Affinity.ClientCore}" : null);
        string address = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{replica.EndPoint.Port}");
        using ServerProcess door = effort.Programs.StartGateway(folder, out _, out _, cores: null, "--model-control-mode", "explicit", "--overflow-replica", address);
        effort.WarmUp(replica, exchange);

        Await(door, model);
        effort.WarmUp(door, exchange);
        (LoadResult[] through, LoadResult[] direct) = effort.InTurn(() => effort.Load(door, exchange, 1), () => effort.Load(replica, exchange, 1));
        Series ours = new("forwarded, p50", "µs", [.. through.Select(result => result.P50Microseconds)]);
        Series bare = new("direct, p50", "µs", [.. direct.Select(result => result.P50Microseconds)]);
        Series added = new("added", "µs", [.. ours.Rounds.Zip(bare.Rounds, (one, other) => one - other)]);
        return new Comparison($"{model.Name}, 1 connection", added, Most, [ours, bare], new { through, direct });
    }

    /// <summary>Waits until the door forwards: until it has asked the replica, it knows of no such model.</summary>
    private static void Await(ServerProcess door, BenchModel model)
    {
        using HttpClient http = new();
        string zeros = string.Join(',', Enumerable.Repeat("0", model.InputElements));
        string body = string.Create(CultureInfo.InvariantCulture, $$"""{"inputs":[{"name":"x","datatype":"FP32","shape":[1,{{string.Join(',', model.InputDims)}}],"data":[{{zeros}}]}]}""");
        while (true)
        {
            using HttpRequestMessage request = new(HttpMethod.Post, $"http://{door.EndPoint}/v2/models/{model.Name}/infer") { Content = new StringContent(body) };
            using HttpResponseMessage answer = http.Send(request);
            if (answer.IsSuccessStatusCode) return;
        }
    }
}
