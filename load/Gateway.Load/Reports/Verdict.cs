using Gateway.Load.Results;
using Gateway.Load.Statistics;

namespace Gateway.Load.Reports;

/// <summary>What a run came to, in a sentence.</summary>
internal static class Verdict
{
    public static string Of(LoadReport report)
    {
        string kept = report.Thresholds.Count == 0 ? "" : report.IsKept ? report.Thresholds.Count == 1 ? " The threshold was kept." : $" All {report.Thresholds.Count} thresholds were kept." : $" {report.Thresholds.Count(each => !each.IsKept)} of {report.Thresholds.Count} thresholds failed.";
        string partial = report.Partial is { } reason ? $"Partial: {reason}. " : "";
        string doubt = report.IsVouchedFor ? "" : "The client was the limit: these figures are not the server's. ";
        return $"{partial}{doubt}{Core(report)}{kept}";
    }

    private static string Core(LoadReport report)
    {
        if (report.Capacity is { Settings: [CapacityOf best, ..] } capacity)
        {
            best = capacity.Settings.MaxBy(setting => setting.Knee)!;
            string objective = $"p{Quantity.Number(capacity.Percentile * 100)} within {Quantity.Seconds(capacity.ObjectiveMilliseconds / 1000)}";
            return best.Knee > 0 ? $"{Quantity.Number(best.Knee)} requests/s hold {objective} over {best.Name}; limited by {best.Limit.Split(" (")[0]}." : $"No rate holds {objective}.";
        }

        if (report.Tune is { } tune)
        {
            int front = tune.Points.Count(point => point.IsBest);
            return front > 0 ? $"{front} of {tune.Points.Count} settings of {tune.Model} {(front == 1 ? "is" : "are")} on the front of throughput and latency." : "No setting could be measured.";
        }

        if (report.Scenarios is [ScenarioResult only])
        {
            LatencyHistogram latency = only.Latency.ToHistogram();
            return $"{Quantity.Number(only.Throughput)} requests/s answered of {Quantity.Number(only.OfferedRate)}/s offered, half of them within {Quantity.Seconds(latency.Nanoseconds(0.5) / 1e9)}, 99 % within {Quantity.Seconds(latency.Nanoseconds(0.99) / 1e9)}.";
        }

        return $"{report.Scenarios.Count} scenarios, {Quantity.Number(report.Scenarios.Sum(scenario => scenario.Throughput))} requests/s answered of {Quantity.Number(report.Scenarios.Sum(scenario => scenario.OfferedRate))}/s offered.";
    }
}
