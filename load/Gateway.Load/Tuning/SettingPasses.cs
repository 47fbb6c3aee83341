using Gateway.Load.Capacity;
using Gateway.Load.Results;

namespace Gateway.Load.Tuning;

/// <summary>What the passes over one setting came to.</summary>
internal sealed class SettingPasses(TuneSetting setting)
{
    private readonly List<Pass> _passes = [];

    public TuneSetting Setting => setting;

    /// <summary>The configuration with it; empty before the first pass.</summary>
    public string Config { get; set; } = "";

    /// <summary>With which the first pass saturated it; null before.</summary>
    public Callers? Callers { get; set; }

    /// <summary>Why it is not measured again; null while nothing went wrong.</summary>
    public string? Problem { get; set; }

    public bool HasPasses => _passes.Count > 0;

    public Pass Last => _passes[^1];

    /// <summary>Whether it was tried at all.</summary>
    public bool IsTried => HasPasses || Problem is not null;

    public void Add(Pass pass) => _passes.Add(pass);

    /// <summary>Medians of its passes, and between which they lie.</summary>
    public TunePoint ToPoint()
    {
        if (!HasPasses) return new TunePoint($"{setting}", 0, 0, 0, false, Config, Problem);
        return new TunePoint($"{setting}", Median(pass => pass.Throughput), Median(pass => pass.P50Milliseconds), Median(pass => pass.P99Milliseconds), false, Config, null)
        {
            ThroughputLeast = _passes.Min(pass => pass.Throughput),
            ThroughputMost = _passes.Max(pass => pass.Throughput),
            P99LeastMilliseconds = _passes.Min(pass => pass.P99Milliseconds),
            P99MostMilliseconds = _passes.Max(pass => pass.P99Milliseconds),
            BatchRows = Median(pass => pass.BatchRows),
            Connections = Callers?.Connections ?? 0,
            MissShare = Median(pass => pass.MissShare),
            Knee = Median(pass => pass.Knee),
            Limit = _passes.OrderBy(pass => pass.Knee).ElementAt((_passes.Count - 1) / 2).Limit,
        };
    }

    private double Median(Func<Pass, double> value)
    {
        double[] sorted = [.. _passes.Select(value).Order()];
        return sorted[(sorted.Length - 1) / 2];
    }

    /// <summary>One pass.</summary>
    /// <param name="Throughput">Answers a second, saturated.</param>
    /// <param name="P50Milliseconds">At the rate that all settings have.</param>
    /// <param name="MissShare">Of the calls without an answer, 0 to 1.</param>
    /// <param name="Knee">Calls a second; 0 where none was searched for or found.</param>
    /// <param name="Limit">What ended the search; empty where there was none.</param>
    internal readonly record struct Pass(double Throughput, double P50Milliseconds, double P99Milliseconds, double BatchRows, double MissShare, double Knee, string Limit);
}
