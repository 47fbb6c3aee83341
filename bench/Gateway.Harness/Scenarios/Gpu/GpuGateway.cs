using System.Net;
using Gateway.Harness.Load;
using Gateway.Harness.Machine;
using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects;
using Gateway.Harness.Subjects.Gpu;

namespace Gateway.Harness.Scenarios.Gpu;

/// <summary>The whole server with its model on a device: rows one by one over frames, as many as it answers, and at random times at part of that.</summary>
internal sealed class GpuGateway(string provider) : IGpuPart
{
    private const int Connections = 16;
    private const int Window = 128;
    private const double OpenLoad = 0.7;
    private static readonly TimeSpan Deadline = TimeSpan.FromMilliseconds(100);

    public string Name => "gateway";

    public IEnumerable<Comparison> Measure(Effort effort)
    {
        foreach ((BenchModel model, int maxBatch) in new[] { (BenchModel.Mlp, 256), (BenchModel.Conv, 256), (BenchModel.Heavy, 64) })
        {
            if (!effort.Wants(model)) continue;
            using GpuRepository repository = new(provider, maxBatch, capturesGraphs: null, lanes: 0, model);
            using ServerProcess server = effort.Programs.StartGateway(repository.Path, out int metrics, out IPEndPoint frames, Affinity.AllCores);
            yield return Measure(model, server, metrics, frames, effort);
        }
    }

    private static Comparison Measure(BenchModel model, ServerProcess server, int metrics, IPEndPoint frames, Effort effort)
    {
        FrameExchange exchange = FrameExchange.For(model);
        FrameLoop.Run(frames, exchange, Connections, Window, effort.WarmUpSeconds, () => server.CpuTime, out _);
        LoadResult[] closed = new LoadResult[effort.Rounds];
        OpenLoopResult[] open = new OpenLoopResult[effort.Rounds];
        double[] closedBatch = new double[effort.Rounds];
        double[] openBatch = new double[effort.Rounds];
        for (int round = 0; round < effort.Rounds; round++)
        {
            closedBatch[round] = Batches(metrics, () => closed[round] = FrameLoop.Run(frames, exchange, Connections, Window, effort.Seconds, () => server.CpuTime, out _));
            openBatch[round] = Batches(metrics, () => open[round] = OpenLoop.Run(frames, exchange, OpenLoad * closed[round].PerSecond, Deadline, effort.Seconds, round, () => server.CpuTime));
        }

        double best = MetricsPage.Read(metrics, $"gateway_best_batch_rows{{model=\"{model.Name}\"");
        double utilization = MetricsPage.ReadOrZero(metrics, "nv_gpu_utilization");
        double memory = MetricsPage.ReadOrZero(metrics, "nv_gpu_memory_used_bytes");
        double power = MetricsPage.ReadOrZero(metrics, "nv_gpu_power_usage");
        return new Comparison(
            $"{model.Name}, {Connections} connections, {Window} calls each",
            new Series("rows", "/s", [.. closed.Select(result => result.PerSecond)]),
            Budget: null,
            [
                new Series("answers p50", "µs", [.. closed.Select(result => result.P50Microseconds)]),
                new Series("answers p99", "µs", [.. closed.Select(result => result.P99Microseconds)]),
                new Series("server CPU", "µs/inference", [.. closed.Select(result => result.ServerBusy / result.PerSecond * 1e6)]),
                new Series("client busy", "", [.. closed.Select(result => result.ClientBusy)]),
                new Series("batch", "rows", closedBatch),
                new Series("best batch", "rows", [best]),
                new Series("at 70 %, answers p50", "µs", [.. open.Select(result => result.P50Microseconds)]),
                new Series("at 70 %, answers p99", "µs", [.. open.Select(result => result.P99Microseconds)]),
                new Series("at 70 %, batch", "rows", openBatch),
                new Series("GPU utilization, as it says, all of them", "", [utilization]),
                new Series("GPU memory in use", "bytes", [memory]),
                new Series("GPU power", "W", [power]),
                new Series("at 70 %, in time", "/s", [.. open.Select(result => result.InTime)]),
            ],
            new { closed, open });
    }

    /// <returns>Mean rows of the batches that were run meanwhile.</returns>
    private static double Batches(int metrics, Action run)
    {
        double rows = MetricsPage.Read(metrics, "nv_inference_count");
        double batches = MetricsPage.Read(metrics, "nv_inference_exec_count");
        run();
        return (MetricsPage.Read(metrics, "nv_inference_count") - rows) / (MetricsPage.Read(metrics, "nv_inference_exec_count") - batches);
    }
}
