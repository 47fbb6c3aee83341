using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.RegularExpressions;
using Gateway.Load.Statistics;

namespace Gateway.Load.Scenarios;

/// <summary>What a run must keep: <c>p99 &lt; 50ms</c>, <c>errors &lt; 0.1%</c>, <c>goodput &gt;= 1900</c>; with <c>or stop</c> the run ends once it cannot.</summary>
/// <param name="Text">As it was given.</param>
/// <param name="Metric">One of <see cref="Metrics"/>, or <c>p</c> with a number.</param>
/// <param name="Operator">&lt;, &lt;=, &gt;, &gt;=.</param>
/// <param name="Limit">Seconds, a share, or a number a second.</param>
internal sealed partial record Threshold(string Text, string Metric, string Operator, double Limit)
{
    /// <summary>Latencies are in seconds, shares of the calls offered, rates a second.</summary>
    public static IReadOnlyList<string> Metrics { get; } = ["mean", "max", "errors", "refused", "late", "wrong", "throughput", "goodput"];

    /// <summary>Whether the run is to end once this cannot be kept any more.</summary>
    public bool EndsRun { get; private init; }

    /// <summary>What must hold, without what else happens.</summary>
    public string Condition { get; private init; } = Text;

    /// <summary>Of a percentile its share; 0 for another metric.</summary>
    public double Percentile => Metric[0] == 'p' ? (double)(decimal.Parse(Metric[1..], CultureInfo.InvariantCulture) / 100) : 0;

    private bool IsLatency => Metric[0] == 'p' || Metric is "mean" or "max";

    private bool IsShare => Metric is "errors" or "refused" or "late" or "wrong";

    public bool Holds(double value) => Operator switch
    {
        "<" => value < Limit,
        "<=" => value <= Limit,
        ">" => value > Limit,
        _ => value >= Limit,
    };

    /// <summary>Whether it cannot be kept any more, however good all that is still to come is: for a threshold that may end a run.</summary>
    /// <param name="misses">Of a share, calls that count against it; of a latency, those answered beyond the limit or not at all.</param>
    /// <param name="planned">Calls that there will be in all; <see cref="long.MaxValue"/> where nobody knows.</param>
    public bool IsLost(long misses, long planned)
    {
        if (misses == 0) return false;
        if (IsShare) return !Holds((double)misses / planned);

        // The value that must be within the limit is the one of this rank, as a histogram has it.
        return Metric == "max" || Percentile >= 1 || planned - misses < Rank.Of(Percentile, planned);
    }

    /// <summary>A value as it stands beside the limit.</summary>
    public string Format(double value) => IsLatency ? Quantity.Seconds(value) : IsShare ? Quantity.Share(value) : $"{Quantity.Number(value)}/s";

    public static bool TryParse(string text, [NotNullWhen(true)] out Threshold? threshold, out string problem)
    {
        threshold = null;
        Match match = Pattern().Match(text);
        if (!match.Success)
        {
            problem = $"threshold '{text}' is none: a metric, an operator and a limit, such as 'p99 < 50ms' or 'errors < 0.1%'";
            return false;
        }

        string metric = match.Groups["metric"].Value.ToLowerInvariant();
        bool isPercentile = metric[0] == 'p' && decimal.TryParse(metric[1..], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal percent) && percent is > 0 and <= 100;
        if (!isPercentile && !Metrics.Contains(metric))
        {
            problem = $"threshold '{text}': metric '{metric}' is not known (p50, p99.9 and the like, {string.Join(", ", Metrics)})";
            return false;
        }

        threshold = new Threshold(text, metric, match.Groups["operator"].Value, 0) { Condition = match.Groups["condition"].Value, EndsRun = match.Groups["stop"].Success };
        string limit = match.Groups["limit"].Value.Trim();
        double value;
        if (threshold.IsLatency)
        {
            problem = $"threshold '{text}': '{limit}' is no time (such as 50ms, 800us, 1.5s)";
            if (!char.IsLetter(limit[^1]) || !Durations.TryParse(limit, out value)) return False(out threshold);
        }
        else
        {
            decimal unit = 1;
            string number = limit;
            if (threshold.IsShare && limit.EndsWith('%')) (number, unit) = (limit[..^1], 0.01m);
            else if (!threshold.IsShare && limit.EndsWith("/s", StringComparison.Ordinal)) number = limit[..^2];
            problem = $"threshold '{text}': '{limit}' is no {(threshold.IsShare ? "share (such as 0.1% or 0.001)" : "rate (such as 1900 or 1900/s)")}";
            if (!decimal.TryParse(number.Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal given)) return False(out threshold);
            value = (double)(given * unit);
        }

        problem = $"threshold '{text}': only a share, a percentile or max that is to stay below a limit can end a run";
        if (threshold.EndsRun && (threshold.Operator[0] != '<' || !(threshold.IsShare || isPercentile || metric == "max"))) return False(out threshold);
        threshold = threshold with { Limit = value };
        problem = "";
        return true;
    }

    private static bool False(out Threshold? threshold)
    {
        threshold = null;
        return false;
    }

    [GeneratedRegex(@"^\s*(?<condition>(?<metric>[A-Za-z][A-Za-z0-9.]*)\s*(?<operator><=|>=|<|>)\s*(?<limit>\S.*?))(?<stop>\s+or\s+stop)?\s*$")]
    private static partial Regex Pattern();
}
