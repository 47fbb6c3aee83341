namespace Gateway.Load.ServerMetrics;

/// <summary>A page of metrics at a moment.</summary>
/// <param name="Seconds">From the start of the run.</param>
internal sealed record MetricsSample(double Seconds, Dictionary<string, double> Series)
{
    /// <summary>All series of one name, of the models asked for, added up; NaN when there is none.</summary>
    public double Sum(string name, IReadOnlySet<string> models)
    {
        double sum = double.NaN;
        foreach ((string series, double value) in Series)
        {
            if (!IsNamed(series, name) || (PrometheusText.Label(series, "model") is { } model && !models.Contains(model))) continue;
            sum = double.IsNaN(sum) ? value : sum + value;
        }

        return sum;
    }

    /// <summary>Likewise, by the value of a label.</summary>
    public Dictionary<string, double> By(string name, string label, IReadOnlySet<string> models)
    {
        Dictionary<string, double> sums = [];
        foreach ((string series, double value) in Series)
        {
            if (!IsNamed(series, name) || PrometheusText.Label(series, label) is not { } key || (PrometheusText.Label(series, "model") is { } model && !models.Contains(model))) continue;
            sums[key] = sums.GetValueOrDefault(key) + value;
        }

        return sums;
    }

    private static bool IsNamed(string series, string name) => series.StartsWith(name, StringComparison.Ordinal) && (series.Length == name.Length || series[name.Length] == '{');
}
