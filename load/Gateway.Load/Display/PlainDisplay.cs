using Gateway.Load.Running;
using Gateway.Load.Statistics;

namespace Gateway.Load.Display;

/// <summary>Lines, for output that is no terminal: one a scenario every five seconds.</summary>
internal sealed class PlainDisplay(TextWriter output) : IRunDisplay
{
    private const double EverySeconds = 5;

    public void Say(string text) => output.WriteLine(text);

    public void Show(Action<Action<IReadOnlyList<RunProgress>>> watch)
    {
        double next = EverySeconds;
        watch(all =>
        {
            double passed = all.Max(progress => progress.Passed);
            if (passed < next) return;
            next = passed - (passed % EverySeconds) + EverySeconds;
            foreach (RunProgress progress in all) output.WriteLine(Line(progress));
        });
    }

    /// <summary>How far one is, and what it last did.</summary>
    public static string Line(RunProgress progress)
    {
        string time = $"{progress.Name}: {Quantity.Number(Math.Floor(Math.Min(progress.Passed, progress.Seconds)))} of {Quantity.Number(progress.Seconds)} s";
        if (progress.Last is not { } last) return time;
        LatencyHistogram latency = last.Latency.ToHistogram();
        return $"{time}{(progress.Passed < progress.WarmUpSeconds ? " (warm-up)" : "")}, {Quantity.Number(last.Offered / progress.IntervalSeconds)}/s offered, {Quantity.Number(last.Answered / progress.IntervalSeconds)}/s answered, "
            + $"p50 {At(0.5)}, p99 {At(0.99)}, {Quantity.Number(progress.Refused)} refused, {Quantity.Number(progress.Failed)} failed";

        string At(double share) => latency.Count == 0 ? "–" : Quantity.Seconds(latency.Nanoseconds(share) / 1e9);
    }
}
