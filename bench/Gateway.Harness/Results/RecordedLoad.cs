using Gateway.Load.Reports;
using Gateway.Load.Results;
using LoadedScenario = Gateway.Load.Results.ScenarioResult;

namespace Gateway.Harness.Results;

/// <summary>Reads a report of gateway-load as a recorded result: of a run what was answered and how fast, of a search its knees, of a sweep its settings.</summary>
internal static class RecordedLoad
{
    private const string Rate = "/s";
    private const string Time = "ms";

    /// <param name="path">Of the JSON; its name begins with the date.</param>
    public static RecordedRun Read(string path)
    {
        LoadReport report = ReportJson.Read(path);
        (string name, DateTimeOffset date) = RecordedRun.Named(path);
        IEnumerable<RecordedCase> cases =
        [
            .. report.Scenarios.SelectMany(Of),
            .. (report.Capacity?.Settings ?? []).Where(setting => setting.Knees.Count > 0).Select(setting => Of(setting, report.Capacity!)),
            .. (report.Tune?.Points ?? []).Where(point => point.Problem is null).SelectMany(Of),
        ];
        return new RecordedRun(name, date, report.Command, $"{report.Machine.Cpu}, {report.Machine.Cores} cores", "", [.. cases]);
    }

    private static IEnumerable<RecordedCase> Of(LoadedScenario result)
    {
        RecordedSeries[] beside = [One("offered", Rate, result.OfferedRate), One("errors", "%", result.ErrorShare * 100), One("refused", "%", result.RefusedShare * 100), One("client CPU a call", "µs", result.ClientCpuMicroseconds)];
        yield return Case(result.Name, One("answered", Rate, result.Throughput), beside);
        foreach ((string name, double share) in new[] { ("p50", 0.5), ("p99", 0.99) })
        {
            // Where too many calls have no answer there is none.
            if (result.SecondsWithin(share) is var seconds && double.IsFinite(seconds)) yield return Case(result.Name, One(name, Time, seconds * 1000), beside);
        }
    }

    private static RecordedCase Of(CapacityOf found, CapacityResult capacity) => Case(
        $"{found.Name}, p{capacity.Percentile * 100:0.###} within {capacity.ObjectiveMilliseconds:0.###} ms",
        new RecordedSeries("knee", Rate, found.Knee, found.Knees.Min(), found.Knees.Max()),
        One("saturated", Rate, found.Saturation),
        One("connections", "", found.Connections));

    private static IEnumerable<RecordedCase> Of(TunePoint point)
    {
        yield return Case(point.Name, new RecordedSeries("saturated", Rate, point.Throughput, point.ThroughputLeast, point.ThroughputMost), One("rows of a batch", "", point.BatchRows));
        yield return Case(point.Name, new RecordedSeries("p99", Time, point.P99Milliseconds, point.P99LeastMilliseconds, point.P99MostMilliseconds), One("knee", Rate, point.Knee));
    }

    private static RecordedCase Case(string name, RecordedSeries outcome, params RecordedSeries[] sides) => new(name, outcome, null, IsFloor: false, sides);

    private static RecordedSeries One(string name, string unit, double value) => new(name, unit, value, value, value);
}
