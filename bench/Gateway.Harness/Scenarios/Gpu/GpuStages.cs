using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects.Gpu;

namespace Gateway.Harness.Scenarios.Gpu;

/// <summary>A batch's way to the device and back: what each stage takes, and which way of copying is the faster one.</summary>
internal sealed class GpuStages(string provider) : IGpuPart
{
    private static readonly int[] Sizes = [1, 8, 64, 256];

    // Of a measurement, for each of the four ways at each size.
    private const double Share = 0.15;
    private const int WarmUpRuns = 3;

    // Beyond it the device is one of software, and larger batches tell nothing.
    private const double LongestRunMicroseconds = 100_000;

    public string Name => "stages";

    public IEnumerable<Comparison> Measure(Effort effort)
    {
        foreach (BenchModel model in BenchModel.All.Where(effort.Wants))
        {
            foreach (int rows in Sizes)
            {
                using DeviceLoop loop = new(model, provider, rows);
                yield return Measure(model, rows, loop, effort);
                if (Time(loop.Run, 0) > LongestRunMicroseconds) break;
            }
        }
    }

    private static Comparison Measure(BenchModel model, int rows, DeviceLoop loop, Effort effort)
    {
        double seconds = effort.Seconds * Share;
        double[] bare = new double[effort.Rounds];
        double[] bindAnew = new double[effort.Rounds];
        double[] copy = new double[effort.Rounds];
        double[][] stages = [new double[effort.Rounds], new double[effort.Rounds], new double[effort.Rounds]];
        for (int i = 0; i < WarmUpRuns; i++)
        {
            loop.Run();
            loop.BindAndRun();
            loop.CopyAndRun();
            loop.Stages(TimeProvider.System);
        }

        for (int round = 0; round < effort.Rounds; round++)
        {
            bare[round] = Time(loop.Run, seconds);
            bindAnew[round] = Time(loop.BindAndRun, seconds);
            copy[round] = Time(loop.CopyAndRun, seconds);
            (stages[0][round], stages[1][round], stages[2][round]) = TimeStages(loop, seconds);
        }

        Series copied = new("copied to where it is bound", "µs", copy);
        Series bound = new("bound anew from host memory", "µs", bindAnew);
        return new Comparison(
            $"{model.Name}, batch {rows}",
            Series.Ratio(copied, bound),
            Budget: null,
            [
                new Series("bare loop, inputs on the device", "µs", bare), bound, copied,
                new Series("upload", "µs", stages[0]), new Series("run", "µs", stages[1]), new Series("download", "µs", stages[2]),
            ]);
    }

    /// <returns>Mean µs of a run.</returns>
    public static double Time(Action run, double seconds)
    {
        TimeProvider time = TimeProvider.System;
        long start = time.GetTimestamp();
        int count = 0;
        do
        {
            run();
            count++;
        }
        while (time.GetElapsedTime(start).TotalSeconds < seconds);
        return time.GetElapsedTime(start).TotalMicroseconds / count;
    }

    private static (double Upload, double Run, double Download) TimeStages(DeviceLoop loop, double seconds)
    {
        TimeProvider time = TimeProvider.System;
        long begun = time.GetTimestamp();
        long upload = 0;
        long run = 0;
        long download = 0;
        int count = 0;
        do
        {
            (long start, long uploaded, long ran, long downloaded) = loop.Stages(time);
            upload += uploaded - start;
            run += ran - uploaded;
            download += downloaded - ran;
            count++;
        }
        while (time.GetElapsedTime(begun).TotalSeconds < seconds);
        return (Micro(upload), Micro(run), Micro(download));

        double Micro(long ticks) => time.GetElapsedTime(0, ticks).TotalMicroseconds / count;
    }
}
