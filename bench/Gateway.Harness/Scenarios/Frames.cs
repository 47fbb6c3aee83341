using System.Net;
using Gateway.Harness.Load;
using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects;

namespace Gateway.Harness.Scenarios;

/// <summary>MessagePack frames: what an inference costs the server, beside its own HTTP port and beside the model's run.</summary>
/// <param name="model">One row a call.</param>
/// <param name="cases">Connections and calls in flight on each.</param>
/// <param name="hasBudgets">Whether the model is light enough for what is around it to be told from it.</param>
internal sealed class Frames(string name, BenchModel model, IReadOnlyList<(int Connections, int Window)> cases, bool hasBudgets) : IScenario
{
    private const string AllocatedBytes = "gateway_gc_allocated_bytes_total";
    private const int HttpConnections = 64;

    // Calls in flight from which batches are full, so that the run costs what it costs at its best batch size.
    private const int Pipelined = 64;

    // From design.md, "Budgets", and the issue that frames come from.
    private static readonly Budget Beyond = Budget.AtMost(3);
    private static readonly Budget OverHttp = Budget.AtLeast(4);

    public string Name => name;

    public string Summary => $"server CPU of {model.Name} over frames, beyond its run; inferences per server CPU second ÷ those over HTTP";

    public IReadOnlyList<Comparison> Measure(Effort effort)
    {
        FrameExchange exchange = FrameExchange.For(model);
        InferExchange http = InferExchange.For(model);
        using ServerProcess server = effort.Programs.StartGateway(BenchModel.Repository, out int metricsPort, out IPEndPoint frames);
        effort.WarmUp(server, http);
        FrameLoop.Run(frames, exchange, connections: 8, window: Pipelined, effort.WarmUpSeconds, () => server.CpuTime, out int answerBytes);

        double[] run = new double[effort.Rounds];
        LoadResult[] overHttp = new LoadResult[effort.Rounds];
        LoadResult[][] overFrames = [.. cases.Select(_ => new LoadResult[effort.Rounds])];
        double[][] allocated = [.. cases.Select(_ => new double[effort.Rounds])];
        for (int round = 0; round < effort.Rounds; round++)
        {
            run[round] = 1e6 / BareRun.Measure(model, effort.Seconds, model.MaxBatchSize).Max(figure => figure.RowsPerSecond);
            overHttp[round] = effort.Load(server, http, HttpConnections);
            for (int i = 0; i < cases.Count; i++)
            {
                double before = MetricsPage.Read(metricsPort, AllocatedBytes);
                overFrames[i][round] = FrameLoop.Run(frames, exchange, cases[i].Connections, cases[i].Window, effort.Seconds, () => server.CpuTime, out answerBytes);
                allocated[i][round] = (MetricsPage.Read(metricsPort, AllocatedBytes) - before) / overFrames[i][round].Answered;
            }
        }

        Series bareRun = new("bare run, best batch", "µs/row", run);
        Series ofHttp = new($"HTTP binary, {HttpConnections} connections", "inferences/s", [.. overHttp.Select(result => result.PerSecond)]);
        List<Comparison> comparisons =
        [
            new("request and answer on the wire", new Series("frames", "B", [exchange.FrameBytes + answerBytes]), Budget: null, []),
        ];
        for (int i = 0; i < cases.Count; i++)
        {
            (int connections, int window) = cases[i];
            LoadResult[] results = overFrames[i];
            string caseName = $"{model.Name}, {connections} connection{(connections > 1 ? "s" : "")}, window {window}";
            bool isPipelined = connections * window >= Pipelined;
            Series beyond = new("server CPU beyond the run", "µs", [.. results.Zip(run, (result, row) => CpuMicroseconds(result) - row)]);
            comparisons.Add(new Comparison(
                caseName,
                isPipelined ? beyond : new Series("server CPU", "µs", [.. results.Select(CpuMicroseconds)]),
                isPipelined && hasBudgets ? Beyond : null,
                [
                    new Series("frames", "inferences/s", [.. results.Select(result => result.PerSecond)]),
                    new Series("p50", "µs", [.. results.Select(result => result.P50Microseconds)]),
                    new Series("p99", "µs", [.. results.Select(result => result.P99Microseconds)]),
                    new Series("server busy", "", [.. results.Select(result => result.ServerBusy)]),
                    new Series("client busy", "", [.. results.Select(result => result.ClientBusy)]),
                    new Series("allocated", "B/inference", allocated[i]),
                    bareRun,
                ],
                results));
            if (!isPipelined) continue;
            Series perCpu = new("frames", "inferences/CPU s", [.. results.Select(result => result.PerSecond / result.ServerBusy)]);
            Series httpPerCpu = new("HTTP", "inferences/CPU s", [.. overHttp.Select(result => result.PerSecond / result.ServerBusy)]);
            comparisons.Add(new Comparison($"{caseName}, beside HTTP", Series.Ratio(perCpu, httpPerCpu), hasBudgets ? OverHttp : null, [perCpu, httpPerCpu, ofHttp]));
        }

        return comparisons;
    }

    private static double CpuMicroseconds(LoadResult result) => 1e6 * result.ServerBusy / result.PerSecond;
}
