namespace Gateway.Load.ServerMetrics;

/// <summary>Pages between which counters only grew: one stretch, or several where a server, or a model in it, began anew on the way and counts from 0 again.</summary>
/// <remarks>What is counted between the last page before and the first one after is in neither, as is the time.</remarks>
internal sealed class Stretches
{
    private const string Process = "process_cpu_seconds_total";
    private const string Start = "process_start_time_seconds";

    /// <summary>What may go down.</summary>
    private static readonly HashSet<string> Gauges = ["gateway_model_provider", "nv_inference_pending_request_count", Start];

    private readonly List<(MetricsSample From, MetricsSample To)> _all = [];

    /// <param name="pages">In order of time.</param>
    /// <param name="models">Whose counters are looked at.</param>
    public Stretches(IEnumerable<MetricsSample> pages, IReadOnlySet<string> models)
    {
        MetricsSample? from = null;
        MetricsSample? to = null;
        foreach (MetricsSample page in pages)
        {
            if (to is not null && Reset(to, page, models) is { } reset)
            {
                HasRestarted |= reset == Process;
                HasReset = true;
                Add(from!, to);
                from = page;
            }

            from ??= page;
            to = page;
        }

        if (from is not null) Add(from, to!);
    }

    /// <summary>Whether a counter began anew on the way.</summary>
    public bool HasReset { get; }

    /// <summary>Whether it was that of the process, which is then another.</summary>
    public bool HasRestarted { get; }

    /// <summary>Of all stretches together; 0 when there are no two pages.</summary>
    public double Seconds => _all.Sum(stretch => stretch.To.Seconds - stretch.From.Seconds);

    /// <summary>By how much the series of one name grew, all of them together; NaN where there is none.</summary>
    public double Grown(string name, IReadOnlySet<string> models)
    {
        double grown = double.NaN;
        foreach ((MetricsSample from, MetricsSample to) in _all)
        {
            double delta = to.Sum(name, models) - from.Sum(name, models);
            if (!double.IsNaN(delta)) grown = double.IsNaN(grown) ? delta : grown + delta;
        }

        return grown;
    }

    /// <summary>Likewise, by the value of a label.</summary>
    public Dictionary<string, double> GrownBy(string name, string label, IReadOnlySet<string> models)
    {
        Dictionary<string, double> grown = [];
        foreach ((MetricsSample from, MetricsSample to) in _all)
        {
            Dictionary<string, double> before = from.By(name, label, models);
            foreach ((string key, double value) in to.By(name, label, models)) grown[key] = grown.GetValueOrDefault(key) + value - before.GetValueOrDefault(key);
        }

        return grown;
    }

    /// <returns>The name of a counter that went back, or is gone; that of the process before others. Null when all grew.</returns>
    private static string? Reset(MetricsSample from, MetricsSample to, IReadOnlySet<string> models)
    {
        if (WentBack(Process) || (from.Series.TryGetValue(Start, out double begun) && to.Series.GetValueOrDefault(Start, begun) - begun > 1)) return Process;
        foreach (string series in from.Series.Keys)
        {
            string name = series[..(series.IndexOf('{') is >= 0 and var brace ? brace : series.Length)];
            if (!Gauges.Contains(name) && (PrometheusText.Label(series, "model") is not { } model || models.Contains(model)) && WentBack(series)) return name;
        }

        return null;

        bool WentBack(string series) => from.Series.TryGetValue(series, out double before) && before > 0 && to.Series.GetValueOrDefault(series) < before;
    }

    private void Add(MetricsSample from, MetricsSample to)
    {
        if (to.Seconds > from.Seconds) _all.Add((from, to));
    }
}
