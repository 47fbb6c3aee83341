using System.Globalization;
using Gateway.Load.Results;

namespace Gateway.Load.Reports;

/// <summary>Puts the figures of two runs side by side: scenarios of the same name, else in their order.</summary>
internal static class Comparison
{
    // Runs of the same thing differ by as much.
    private const double Same = 0.02;

    public static IReadOnlyList<ComparedValue> Of(LoadReport before, LoadReport after)
    {
        List<ComparedValue> values = [];
        for (int i = 0; i < before.Scenarios.Count; i++)
        {
            ScenarioResult was = before.Scenarios[i];
            ScenarioResult? now = after.Scenarios.FirstOrDefault(scenario => scenario.Name == was.Name) ?? (after.Scenarios.Count == before.Scenarios.Count ? after.Scenarios[i] : null);
            if (now is null) continue;
            string name = before.Scenarios.Count > 1 ? $"{was.Name}: " : "";
            values.Add(Compare($"{name}offered/s", was.OfferedRate, now.OfferedRate, Quantity.Number, null));
            values.Add(Compare($"{name}answered/s", was.Throughput, now.Throughput, Quantity.Number, true));
            values.Add(Compare($"{name}good/s", was.Goodput, now.Goodput, Quantity.Number, true));
            foreach ((string label, double share) in new[] { ("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1) })
            {
                values.Add(Compare($"{name}{label}", was.SecondsWithin(share), now.SecondsWithin(share), Quantity.Seconds, false));
            }

            values.Add(Compare($"{name}refused", was.RefusedShare, now.RefusedShare, Quantity.Share, false));
            values.Add(Compare($"{name}errors", was.ErrorShare, now.ErrorShare, Quantity.Share, false));
            values.Add(Compare($"{name}client CPU a call", was.ClientCpuMicroseconds / 1e6, now.ClientCpuMicroseconds / 1e6, Quantity.Seconds, false));
        }

        if (before.Server is { } server && after.Server is { } later)
        {
            values.Add(Compare("server CPU, cores", server.CpuCores, later.CpuCores, Quantity.Number, null));
            values.Add(Compare("rows of a batch", server.BatchRows, later.BatchRows, Quantity.Number, null));
            foreach (ServerStage stage in server.Stages)
            {
                if (later.Stages.FirstOrDefault(each => each.Name == stage.Name) is { } same) values.Add(Compare($"server: {stage.Name}", stage.Milliseconds / 1000, same.Milliseconds / 1000, Quantity.Seconds, false));
            }
        }

        foreach (CapacityOf setting in before.Capacity?.Settings ?? [])
        {
            if (after.Capacity?.Settings.FirstOrDefault(each => each.Name == setting.Name) is not { } same) continue;
            values.Add(Compare($"{setting.Name}: knee", setting.Knee, same.Knee, Quantity.Number, true));
            values.Add(Compare($"{setting.Name}: saturated", setting.Saturation, same.Saturation, Quantity.Number, true));
        }

        foreach (TunePoint point in before.Tune?.Points ?? [])
        {
            if (after.Tune?.Points.FirstOrDefault(each => each.Name == point.Name) is not { } same) continue;
            values.Add(Compare($"{point.Name}: saturated", Measured(point, point.Throughput), Measured(same, same.Throughput), Quantity.Number, true));
            values.Add(Compare($"{point.Name}: p50", Measured(point, point.P50Milliseconds / 1000), Measured(same, same.P50Milliseconds / 1000), Quantity.Seconds, false));
            values.Add(Compare($"{point.Name}: p99", Measured(point, point.P99Milliseconds / 1000), Measured(same, same.P99Milliseconds / 1000), Quantity.Seconds, false));
            if (before.Tune!.Percentile > 0 && after.Tune.Percentile > 0) values.Add(Compare($"{point.Name}: knee", Measured(point, point.Knee), Measured(same, same.Knee), Quantity.Number, true));
        }

        return values;
    }

    /// <summary>What a setting that could not be measured has is none, which is not 0.</summary>
    private static double Measured(TunePoint point, double value) => point.Problem is null ? value : double.NaN;

    /// <summary>What the figures come to, in a sentence.</summary>
    public static string Verdict(IReadOnlyList<ComparedValue> values)
    {
        int better = values.Count(value => value.IsBetter == true);
        int worse = values.Count(value => value.IsBetter == false);
        int same = values.Count(value => value.IsSame);
        int neither = values.Count - better - worse - same;
        return $"Of {values.Count} figures {better} are better, {worse} are worse and {same} are the same within 2 %{(neither > 0 ? $"; of {neither} neither way is better, or one is not there" : "")}.";
    }

    private static ComparedValue Compare(string name, double before, double after, Func<double, string> format, bool? moreIsBetter)
    {
        if (!double.IsFinite(before) || !double.IsFinite(after)) return new ComparedValue(name, double.IsFinite(before) ? format(before) : "–", double.IsFinite(after) ? format(after) : "–", "", IsSame: false, null);
        double change = before != 0 ? (after - before) / Math.Abs(before) : 0;
        bool isSame = Math.Abs(change) <= Same && (before != 0 || after == 0);
        string text = before == 0 ? "" : $"{(change >= 0 ? "+" : "−")}{(Math.Abs(change) * 100).ToString("0.#", CultureInfo.InvariantCulture)} %";
        return new ComparedValue(name, format(before), format(after), text, isSame, isSame || moreIsBetter is null ? null : after > before == moreIsBetter);
    }
}
