using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects.Gpu;

namespace Gateway.Harness.Scenarios.Gpu;

/// <summary>Whole batches through the engine, one after the other and several under way, beside a bare loop at the same batch size.</summary>
internal sealed class GpuOverlap(string provider, bool? capturesGraphs) : IGpuPart
{
    private const double Share = 0.5;
    private const int AtOnce = 8;
    private static readonly int[] Lanes = [1, 2, 3];

    // From design.md, "Budgets".
    private static readonly Budget OfBareLoop = Budget.AtLeast(0.97);

    public string Name => capturesGraphs switch { null => "overlap", true => "overlap, graphs", false => "overlap, no graphs" };

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
        Series[] byLanes = new Series[Lanes.Length];
        for (int i = 0; i < Lanes.Length; i++)
        {
            using GpuRepository repository = new(provider, rows, capturesGraphs, Lanes[i], model);
            await using EngineLoop engine = await EngineLoop.StartAsync(repository.Path);
            await engine.RunAsync(model, rows, AtOnce, effort.WarmUpSeconds * Share);
            double[] perSecond = new double[effort.Rounds];
            for (int round = 0; round < effort.Rounds; round++) perSecond[round] = await engine.RunAsync(model, rows, AtOnce, seconds);
            byLanes[i] = new Series(Lanes[i] == 1 ? "1 batch under way" : $"{Lanes[i]} batches under way", "rows/s", perSecond);
        }

        double[] bare = new double[effort.Rounds];
        double[] withUpload = new double[effort.Rounds];
        using (DeviceLoop loop = new(model, provider, rows))
        {
            for (int round = 0; round < effort.Rounds; round++)
            {
                bare[round] = RowsPerSecond(loop.Run, rows, seconds);
                withUpload[round] = RowsPerSecond(loop.CopyAndRun, rows, seconds);
            }
        }

        Series bareLoop = new("bare loop, inputs on the device", "rows/s", bare);
        return new Comparison(
            $"{model.Name}, batch {rows}",
            Series.Ratio(byLanes.MaxBy(series => series.Median)!, bareLoop),
            OfBareLoop,
            [.. byLanes, bareLoop, new Series("bare loop, each batch copied there first", "rows/s", withUpload)]);
    }

    private static double RowsPerSecond(Action run, int rows, double seconds)
    {
        for (int i = 0; i < 3; i++) run();
        return rows * 1e6 / GpuStages.Time(run, seconds);
    }
}
