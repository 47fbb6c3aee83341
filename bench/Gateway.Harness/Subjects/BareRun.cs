using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Gateway.Harness.Models;
using Gateway.Load.Statistics;

namespace Gateway.Harness.Subjects;

/// <summary>What the model itself can do: <c>RunWithBinding</c> in a loop, in a process of its own on the server's core.</summary>
internal static class BareRun
{
    public const string Command = "bare-run";

    // Pays for arenas and caches.
    private const double WarmUpShare = 0.2;

    /// <summary>Runs the loop at one batch size after the other, in a new process, and waits for its figures.</summary>
    /// <param name="seconds">For all batch sizes together.</param>
    /// <param name="mostRows">Largest batch; batch sizes are the powers of two up to it.</param>
    public static IReadOnlyList<BatchFigure> Measure(BenchModel model, double seconds, int mostRows)
    {
        string[] arguments = [Command, model.Name, seconds.ToString(CultureInfo.InvariantCulture), $"{mostRows}"];
        using Process process = Process.Start(ServerProcess.Pinned(Programs.Self, arguments))!;
        string output = process.StandardOutput.ReadToEnd();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new IOException($"{Command} failed: {error}");
        return JsonSerializer.Deserialize<BatchFigure[]>(output)!;
    }

    /// <param name="arguments">Model, seconds, rows of the largest batch.</param>
    public static void Run(IReadOnlyList<string> arguments)
    {
        BenchModel model = BenchModel.Named(arguments[0]);
        double seconds = double.Parse(arguments[1], CultureInfo.InvariantCulture);
        int mostRows = int.Parse(arguments[2], CultureInfo.InvariantCulture);
        List<int> sizes = [];
        for (int rows = 1; rows <= mostRows; rows *= 2) sizes.Add(rows);
        Console.Out.Write(JsonSerializer.Serialize(sizes.Select(rows => Time(model, rows, seconds / sizes.Count)).ToArray()));
    }

    private static BatchFigure Time(BenchModel model, int rows, double seconds)
    {
        using BoundModel bound = new(model.File, rows);
        Repeat(bound, seconds * WarmUpShare, new LatencyHistogram());
        LatencyHistogram latencies = new();
        double passed = Repeat(bound, seconds * (1 - WarmUpShare), latencies);
        return new BatchFigure(rows, latencies.Count * rows / passed, latencies.Microseconds(0.5));
    }

    private static double Repeat(BoundModel bound, double seconds, LatencyHistogram latencies)
    {
        TimeProvider time = TimeProvider.System;
        double nanosecondsPerTick = 1e9 / time.TimestampFrequency;
        long start = time.GetTimestamp();
        long end = start + (long)(seconds * time.TimestampFrequency);
        long last = start;
        do
        {
            bound.Run();
            long now = time.GetTimestamp();
            latencies.Record((long)((now - last) * nanosecondsPerTick));
            last = now;
        }
        while (last < end);
        return time.GetElapsedTime(start, last).TotalSeconds;
    }
}
