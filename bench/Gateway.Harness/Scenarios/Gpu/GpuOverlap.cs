using Gateway.Core.Models;
using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects.Gpu;

namespace Gateway.Harness.Scenarios.Gpu;

/// <summary>Whole batches through the engine, one after the other and several under way, beside a bare loop at the same batch size.</summary>
internal sealed class GpuOverlap(string provider, bool capturesGraphs) : IGpuPart
{
    private const double Share = 0.5;
    private const int AtOnce = 6;

    // From design.md, "Budgets".
    private static readonly Budget OfBareLoop = Budget.AtLeast(0.97);

    public string Name => capturesGraphs ? "overlap, graphs" : "overlap";

    public IEnumerable<Comparison> Measure(Effort effort)
    {
        foreach ((BenchModel model, int rows) in new[] { (BenchModel.Mlp3K, 64), (BenchModel.Conv, 64), (BenchModel.Conv, 256), (BenchModel.Heavy, 8), (BenchModel.Heavy, 64) })
        {
            if (!effort.Wants(model)) continue;
            yield return MeasureAsync(model, rows, effort).GetAwaiter().GetResult();
        }
    }

    private async Task<Comparison> MeasureAsync(BenchModel model, int rows, Effort effort)
    {
        double seconds = effort.Seconds * Share;
        using GpuRepository repository = new(provider, rows, capturesGraphs, model);
        double[] alone = new double[effort.Rounds];
        double[] together = new double[effort.Rounds];
        double[] bare = new double[effort.Rounds];
        double best;
        await using (EngineLoop engine = await EngineLoop.StartAsync(repository.Path))
        {
            ServedModel served = engine.Model(model);
            await engine.RunAsync(model, rows, AtOnce, effort.WarmUpSeconds * Share);
            for (int round = 0; round < effort.Rounds; round++)
            {
                alone[round] = await engine.RunAsync(model, rows, 1, seconds);
                together[round] = await engine.RunAsync(model, rows, AtOnce, seconds);
            }

            best = served.Batcher.Latency.BestBatchRows;
        }

        using (DeviceLoop loop = new(model, provider == "cpu" ? "CPU" : provider, rows))
        {
            for (int round = 0; round < effort.Rounds; round++) bare[round] = RowsPerSecond(loop, rows, seconds);
        }

        Series pipelined = new("several under way", "rows/s", together);
        Series loopSeries = new("bare loop, inputs on the device", "rows/s", bare);
        return new Comparison(
            $"{model.Name}, batch {rows}",
            Series.Ratio(pipelined, loopSeries),
            OfBareLoop,
            [new Series("one after the other", "rows/s", alone), pipelined, loopSeries, new Series("best batch", "rows", [best])]);
    }

    private static double RowsPerSecond(DeviceLoop loop, int rows, double seconds)
    {
        TimeProvider time = TimeProvider.System;
        for (int i = 0; i < 3; i++) loop.Run();
        long start = time.GetTimestamp();
        long count = 0;
        do
        {
            loop.Run();
            count++;
        }
        while (time.GetElapsedTime(start).TotalSeconds < seconds);
        return count * rows / time.GetElapsedTime(start).TotalSeconds;
    }
}
