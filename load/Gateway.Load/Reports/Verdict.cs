using Gateway.Load.Results;

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

    /// <summary>Of which calls the percentiles in tables and charts are, where some have no answer; null where all have one.</summary>
    public static string? OfTheAnswered(IReadOnlyList<ScenarioResult> scenarios) =>
        scenarios.Any(scenario => scenario.Unanswered > 0)
            ? $"Percentiles are of the answered calls alone; without an answer were {string.Join(", ", scenarios.Where(scenario => scenario.Unanswered > 0).Select(scenario => $"{Quantity.Share(scenario.ErrorShare)} of {scenario.Name}"))}."
            : null;

    private static string Core(LoadReport report)
    {
        if (report.Capacity is { Settings.Count: 0 }) return "Nothing was measured.";
        if (report.Capacity is { Settings: [CapacityOf best, ..] } capacity)
        {
            best = capacity.Settings.MaxBy(setting => setting.Knee)!;
            string objective = $"p{Quantity.Number(capacity.Percentile * 100)} within {Quantity.Seconds(capacity.ObjectiveMilliseconds / 1000)}";
            if (best.Knees.Count == 0) return $"No knee was found for {objective}: the search did not come to its end.";
            string machines = best.Machines is { } plan ? $" For {Quantity.Number(plan.Rate)}/s with {Quantity.Share(plan.Headroom)} of each free: {plan.Text}." : "";
            return best.Knee > 0 ? $"{(best.IsAtLeast ? "At least " : "")}{Quantity.Number(best.Knee)} requests/s hold {objective} over {best.Name}; {best.LimitText.Split(" (")[0]}.{machines}" : $"No rate holds {objective}.";
        }

        if (report.Tune is { } tune)
        {
            int front = tune.Points.Count(point => point.IsBest);
            if (front == 0) return tune.Points.Any(point => point.Problem is null) ? "Of every setting too many calls were missed." : "No setting could be measured.";
            string knee = tune.Percentile > 0 && tune.Points.MaxBy(point => point.Knee) is { Knee: > 0 } highest
                ? $" The highest rate with p{Quantity.Number(tune.Percentile * 100)} within {Quantity.Seconds(tune.ObjectiveMilliseconds / 1000)} is {Quantity.Number(highest.Knee)}/s, with {highest.Name}." : "";
            return $"{front} of {tune.Points.Count} settings of {tune.Model} {(front == 1 ? "is" : "are")} on the front of throughput and latency.{knee}";
        }

        if (report.Scenarios is [ScenarioResult only])
        {
            if (only.Latency.Count == 0) return $"None of {Quantity.Number(only.OfferedRate)}/s offered was answered.";
            string half = only.SecondsWithin(0.5) is var p50 && double.IsFinite(p50) ? $"half of them within {Quantity.Seconds(p50)}, " : "";
            string most = only.SecondsWithin(0.99) is var p99 && double.IsFinite(p99) ? $"99 % within {Quantity.Seconds(p99)}" : $"{Quantity.Share(only.ErrorShare)} never";
            return $"{Quantity.Number(only.Throughput)} requests/s answered of {Quantity.Number(only.OfferedRate)}/s offered, {half}{most}.";
        }

        return $"{report.Scenarios.Count} scenarios, {Quantity.Number(report.Scenarios.Sum(scenario => scenario.Throughput))} requests/s answered of {Quantity.Number(report.Scenarios.Sum(scenario => scenario.OfferedRate))}/s offered.";
    }
}
