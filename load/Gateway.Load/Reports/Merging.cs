using Gateway.Load.Results;
using Gateway.Load.Running;
using Gateway.Load.Scenarios;
using Gateway.Load.Statistics;

namespace Gateway.Load.Reports;

/// <summary>Makes one report of those of several load processes that ran at the same time.</summary>
internal static class Merging
{
    // Of the longest run: what its ends add or take away is within what runs differ by.
    private const double LeastTogether = 0.95;

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

        LoadReport first = reports.MinBy(Began)!;
        IReadOnlyList<ScenarioResult> scenarios = [.. reports.SelectMany(report => report.Scenarios.Select(scenario => Later(scenario, Began(report) - Began(first)))).GroupBy(scenario => (scenario.Name, scenario.IntervalSeconds)).Select(group => group.Aggregate(Plus))];
        if (scenarios.DistinctBy(scenario => scenario.Name).Count() < scenarios.Count) throw new LoadException(ExitCode.BadSettings, "scenarios of the same name have intervals of different lengths: they were not the same run");
        return first with
        {
            Command = command,
            Processes = reports.Sum(report => report.Processes),
            Partial = reports.OrderBy(report => report.IsEndedByThreshold).Select(report => report.Partial).FirstOrDefault(reason => reason is not null),
            IsEndedByThreshold = reports.Any(report => report.IsEndedByThreshold) && reports.All(report => report.Partial is null || report.IsEndedByThreshold),
            Warnings = [.. Apart(reports), .. Doubled(reports), .. reports.SelectMany(report => report.Warnings).Distinct()],
            IsVouchedFor = reports.All(report => report.IsVouchedFor),
            Scenarios = scenarios,
            Server = reports.Select(report => Later(report.Server, Began(report) - Began(first))).FirstOrDefault(server => server is not null),
            Thresholds = [.. scenarios.SelectMany(scenario => reports.SelectMany(report => report.Thresholds).Where(threshold => threshold.Scenario == scenario.Name).Select(threshold => threshold.Text).Distinct()
                .Select(text => Threshold.TryParse(text, out Threshold? threshold, out string problem) ? ThresholdCheck.Check(threshold, scenario) : throw new LoadException(ExitCode.BadSettings, problem)))],
        };
    }

    private static string What(ScenarioResult scenario) => $"{scenario.Carrier} to {scenario.Target}{(scenario.Models.Any(model => model.Length > 0) ? $", {string.Join(", ", scenario.Models)}" : "")}, {(scenario.IsOpen ? "open" : "closed")}";

    /// <summary>When its load began; of reports that do not say, when the program did.</summary>
    private static DateTimeOffset Began(LoadReport report) => report.LoadStarted ?? report.Started;

    /// <summary>With its intervals where they lie from the first run's start on.</summary>
    private static ScenarioResult Later(ScenarioResult scenario, TimeSpan offset)
    {
        int intervals = scenario.IntervalSeconds > 0 ? (int)Math.Round(offset.TotalSeconds / scenario.IntervalSeconds) : 0;
        return intervals == 0 ? scenario : scenario with { Intervals = [.. scenario.Intervals.Select(interval => interval with { Index = interval.Index + intervals })] };
    }

    private static ServerResult? Later(ServerResult? server, TimeSpan offset) =>
        server is null ? null : server with { Points = [.. server.Points.Select(point => point with { Seconds = point.Seconds + offset.TotalSeconds })] };

    /// <summary>Those that were not all of the time together: their rates are added up though no server had them at once.</summary>
    private static IEnumerable<string> Apart(IReadOnlyList<LoadReport> reports)
    {
        DateTimeOffset lastStart = reports.Max(Began);
        DateTimeOffset firstEnd = reports.Min(report => Began(report) + Length(report));
        TimeSpan longest = reports.Max(Length);
        double together = longest > TimeSpan.Zero ? (firstEnd - lastStart) / longest : 1;
        if (together >= LeastTogether) yield break;
        string how = together <= 0 ? "were not at the same time" : $"were together for only {Quantity.Share(together)} of the longest";
        yield return $"the runs {how}: one began at {lastStart:HH:mm:ss}, and the first had ended at {firstEnd:HH:mm:ss}; their rates together are not what a server had at once (--start-at begins them together)";

        static TimeSpan Length(LoadReport report) => TimeSpan.FromSeconds(report.Scenarios.Select(scenario => scenario.WarmUpSeconds + scenario.Seconds).DefaultIfEmpty(0).Max());
    }

    /// <summary>Those whose calls were due at the same instants, in pairs, which is another load than the sum of two.</summary>
    private static IEnumerable<string> Doubled(IReadOnlyList<LoadReport> reports) =>
        reports.SelectMany(report => report.Scenarios).Where(scenario => scenario is { IsOpen: true, Seed: not null }).GroupBy(scenario => (scenario.Name, scenario.Seed)).Where(same => same.Count() > 1)
            .Select(same => $"{same.Key.Name}: {same.Count()} of the runs had the seed {same.Key.Seed}, so their calls were due at the same instants; give each its own (--seed)");

    private static ScenarioResult Plus(ScenarioResult one, ScenarioResult other) => one with
    {
        Seed = one.Seed == other.Seed ? one.Seed : null,
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
