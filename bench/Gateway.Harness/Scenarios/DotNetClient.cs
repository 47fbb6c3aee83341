using System.Net;
using Gateway.Harness.Load;
using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects;

namespace Gateway.Harness.Scenarios;

/// <summary>The .NET client: what an inference costs the program that asks for it, beside a bare loop on sockets that sends and reads the same frames.</summary>
/// <param name="model">One row a call.</param>
/// <param name="cases">Connections and calls in flight on each.</param>
/// <param name="hasBudgets">Whether the model is light enough for both sides to be busy.</param>
internal sealed class DotNetClient(string name, BenchModel model, IReadOnlyList<(int Connections, int Window)> cases, bool hasBudgets) : IScenario
{
    private const string AllocatedBytes = "gateway_gc_allocated_bytes_total";
    private const int HttpConnections = 64;

    // Calls in flight from which several travel with one read or write.
    private const int Pipelined = 64;

    // What a client may cost beside its server.
    private static readonly Budget Cpu = Budget.AtMost(4);

    public string Name => name;

    public string Summary => $"client CPU an inference of {model.Name} with Gateway.Client, over frames and HTTP; allocation on both sides";

    public IReadOnlyList<Comparison> Measure(Effort effort)
    {
        FrameExchange exchange = FrameExchange.For(model);
        using ServerProcess server = effort.Programs.StartGateway(BenchModel.Repository, out int metricsPort, out IPEndPoint frames);
        effort.WarmUp(server, InferExchange.For(model));
        FrameLoop.Run(frames, exchange, connections: 8, window: Pipelined, effort.WarmUpSeconds, () => server.CpuTime, out _);
        List<Comparison> comparisons = [];
        foreach ((int connections, int window) in cases)
        {
            (ClientFigure Client, double Server)[] results = new (ClientFigure, double)[effort.Rounds];
            LoadResult[] bare = new LoadResult[effort.Rounds];
            for (int round = 0; round < effort.Rounds; round++)
            {
                results[round] = Run($"{frames}", connections, window);
                bare[round] = FrameLoop.Run(frames, exchange, connections, window, effort.Seconds, () => server.CpuTime, out _);
            }

            comparisons.Add(Compare(
                $"{model.Name}, {connections} connection{(connections > 1 ? "s" : "")}, window {window}",
                results,
                connections * window >= Pipelined && hasBudgets ? Cpu : null,
                [
                    new Series("bare loop", "inferences/s", [.. bare.Select(result => result.PerSecond)]),
                    new Series("its client CPU", "µs", [.. bare.Select(result => Microseconds(result.ClientBusy, result))]),
                ]));
        }

        (ClientFigure Client, double Server)[] overHttp = [.. Enumerable.Range(0, effort.Rounds).Select(_ => Run($"http://{server.EndPoint}", 1, HttpConnections))];
        comparisons.Add(Compare($"{model.Name} over HTTP, {HttpConnections} calls in flight", overHttp, budget: null, []));
        return comparisons;

        (ClientFigure Client, double Server) Run(string endpoint, int connections, int window)
        {
            double allocatedBefore = MetricsPage.Read(metricsPort, AllocatedBytes);
            double inferencesBefore = MetricsPage.Read(metricsPort, $"nv_inference_count{{model=\"{model.Name}\"");
            ClientFigure figure = ClientRun.Measure(server, endpoint, model, connections, window, effort);
            double inferences = MetricsPage.Read(metricsPort, $"nv_inference_count{{model=\"{model.Name}\"") - inferencesBefore;
            return (figure, (MetricsPage.Read(metricsPort, AllocatedBytes) - allocatedBefore) / inferences);
        }
    }

    private static Comparison Compare(string name, IReadOnlyList<(ClientFigure Client, double Server)> results, Budget? budget, IReadOnlyList<Series> beside)
    {
        LoadResult[] loads = [.. results.Select(result => result.Client.Load)];
        return new Comparison(
            name,
            new Series("client CPU", "µs", [.. loads.Select(load => Microseconds(load.ClientBusy, load))]),
            budget,
            [
                new Series("Gateway.Client", "inferences/s", [.. loads.Select(load => load.PerSecond)]),
                new Series("p50", "µs", [.. loads.Select(load => load.P50Microseconds)]),
                new Series("p99", "µs", [.. loads.Select(load => load.P99Microseconds)]),
                new Series("server CPU", "µs", [.. loads.Select(load => Microseconds(load.ServerBusy, load))]),
                new Series("client busy", "", [.. loads.Select(load => load.ClientBusy)]),
                new Series("client allocated", "B/inference", [.. results.Select(result => result.Client.AllocatedBytes)]),
                new Series("server allocated", "B/inference", [.. results.Select(result => result.Server)]),
                .. beside,
            ],
            loads);
    }

    private static double Microseconds(double busy, LoadResult load) => 1e6 * busy / load.PerSecond;
}
