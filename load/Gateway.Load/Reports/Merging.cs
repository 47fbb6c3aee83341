using Gateway.Load.Results;
using Gateway.Load.Running;
using Gateway.Load.Scenarios;
using Gateway.Load.Statistics;

namespace Gateway.Load.Reports;

/// <summary>Makes one report of those of several load processes that ran at the same time.</summary>
internal static class Merging
{
    /// <exception cref="LoadException">They do not belong together.</exception>
    public static LoadReport Merge(IReadOnlyList<LoadReport> reports, string command)
    {
        if (reports.Any(report => report.Kind != "run")) throw new LoadException(ExitCode.BadSettings, "only reports of runs can be merged");
        for (int i = 0; i < reports.Count; i++)
        {
            // The same file twice, or a copy of it, would count everything twice.
            if (reports.Take(i).Any(other => other.Started == reports[i].Started && ReportJson.Write(other).AsSpan().SequenceEqual(ReportJson.Write(reports[i])))) throw new LoadException(ExitCode.BadSettings, "two of the reports are the same");
        }

        foreach (IGrouping<string, ScenarioResult> same in reports.SelectMany(report => report.Scenarios).GroupBy(scenario => scenario.Name))
        {
            if (same.DistinctBy(What).Count() > 1) throw new LoadException(ExitCode.BadSettings, $"scenarios named '{same.Key}' are not the same: {string.Join("; ", same.Select(What).Distinct())}");
        }

        LoadReport first = reports.MinBy(report => report.Started)!;
        IReadOnlyList<ScenarioResult> scenarios = [.. reports.SelectMany(report => report.Scenarios).GroupBy(scenario => (scenario.Name, scenario.IntervalSeconds)).Select(group => group.Aggregate(Plus))];
        if (scenarios.DistinctBy(scenario => scenario.Name).Count() < scenarios.Count) throw new LoadException(ExitCode.BadSettings, "scenarios of the same name have intervals of different lengths: they were not the same run");
        return first with
        {
            Command = command,
            Processes = reports.Sum(report => report.Processes),
            Partial = reports.OrderBy(report => report.IsEndedByThreshold).Select(report => report.Partial).FirstOrDefault(reason => reason is not null),
            IsEndedByThreshold = reports.Any(report => report.IsEndedByThreshold) && reports.All(report => report.Partial is null || report.IsEndedByThreshold),
            Warnings = [.. Apart(reports), .. reports.SelectMany(report => report.Warnings).Distinct()],
            IsVouchedFor = reports.All(report => report.IsVouchedFor),
            Scenarios = scenarios,
            Server = reports.Select(report => report.Server).FirstOrDefault(server => server is not null),
            Thresholds = [.. scenarios.SelectMany(scenario => reports.SelectMany(report => report.Thresholds).Where(threshold => threshold.Scenario == scenario.Name).Select(threshold => threshold.Text).Distinct()
                .Select(text => Threshold.TryParse(text, out Threshold? threshold, out string problem) ? ThresholdCheck.Check(threshold, scenario) : throw new LoadException(ExitCode.BadSettings, problem)))],
        };
    }

    private static string What(ScenarioResult scenario) => $"{scenario.Carrier} to {scenario.Target}{(scenario.Models.Any(model => model.Length > 0) ? $", {string.Join(", ", scenario.Models)}" : "")}, {(scenario.IsOpen ? "open" : "closed")}";

    /// <summary>Those that did not run at the same time: their rates are added up though no server ever had them at once.</summary>
    private static IEnumerable<string> Apart(IReadOnlyList<LoadReport> reports)
    {
        DateTimeOffset lastStart = reports.Max(report => report.Started);
        DateTimeOffset firstEnd = reports.Min(report => report.Started + TimeSpan.FromSeconds(report.Scenarios.Select(scenario => scenario.WarmUpSeconds + scenario.Seconds).DefaultIfEmpty(0).Max()));
        if (lastStart >= firstEnd) yield return $"the runs were not at the same time: one began at {lastStart:HH:mm:ss}, when another had ended at {firstEnd:HH:mm:ss}; their rates together are not what a server had at once";
    }

    private static ScenarioResult Plus(ScenarioResult one, ScenarioResult other) => one with
    {
        Burst = Math.Max(one.Burst, other.Burst),
        Seconds = Math.Max(one.Seconds, other.Seconds),
        Connections = one.Connections + other.Connections,
        Window = Math.Min(one.Window, other.Window),
        ConnectionsUp = one.ConnectionsUp > 0 && other.ConnectionsUp > 0 ? one.ConnectionsUp + other.ConnectionsUp : 0,
        Threads = one.Threads + other.Threads,
        Offered = one.Offered + other.Offered,
        Answered = one.Answered + other.Answered,
        InTime = one.InTime + other.InTime,
        Refused = one.Refused + other.Refused,
        Failed = one.Failed + other.Failed,
        NotSent = one.NotSent + other.NotSent,
        Retries = one.Retries + other.Retries,
        Verified = one.Verified + other.Verified,
        VerifiedByShape = one.VerifiedByShape + other.VerifiedByShape,
        Wrong = one.Wrong + other.Wrong,
        CutOff = one.CutOff + other.CutOff,
        OldestCutOffSeconds = Math.Max(one.OldestCutOffSeconds, other.OldestCutOffSeconds),
        AnsweredInWindow = one.AnsweredInWindow + other.AnsweredInWindow,
        InTimeInWindow = one.InTimeInWindow + other.InTimeInWindow,
        MostWaiting = Math.Max(one.MostWaiting, other.MostWaiting),
        Sent = one.Sent + other.Sent,
        ClientCpuSeconds = one.ClientCpuSeconds + other.ClientCpuSeconds,
        ClientBusy = Math.Max(one.ClientBusy, other.ClientBusy),
        Latency = one.Latency.Plus(other.Latency),
        Service = one.Service.Plus(other.Service),
        Refusals = one.Refusals.Plus(other.Refusals),
        Lag = one.Lag.Plus(other.Lag),
        StepLatencies = [.. one.StepLatencies.Zip(other.StepLatencies, (left, right) => left.Plus(right))],
        Kinds = KindCount.Merge(one.Kinds.Concat(other.Kinds)),
        Intervals = IntervalTally.Merge(one.Intervals.Concat(other.Intervals)),
    };
}
