using Gateway.Load.Machine;
using Gateway.Load.Results;
using Gateway.Load.Scenarios;
using Gateway.Load.ServerMetrics;
using Gateway.Load.Statistics;

namespace Gateway.Load.Running;

/// <summary>A run of all scenarios, from the first question to the server to the report.</summary>
/// <param name="skipsProof">Whether the client is believed without being tried.</param>
internal sealed class LoadRun(TimeProvider time, IRunDisplay display, string command, bool skipsProof)
{
    private static readonly TimeSpan Refresh = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LeadTime = TimeSpan.FromMilliseconds(250);

    /// <summary>Whether a client that cannot offer the load ends the run before it begins.</summary>
    public bool StopsOnDoubt { get; set; }

    /// <summary>When the load is to begin, as it does in other processes; null for as soon as all is ready.</summary>
    public DateTimeOffset? StartAt { get; set; }

    /// <exception cref="LoadException">Nothing could be measured.</exception>
    public LoadReport Run(LoadPlan plan, CancellationToken stop)
    {
        DateTimeOffset started = time.GetUtcNow();
        List<Preparation> prepared = [.. plan.Scenarios.Select(scenario => Preparation.Create(scenario, time))];
        List<ProofResult?> proofs = [];
        foreach (Preparation each in prepared)
        {
            ProofResult? proof = skipsProof || stop.IsCancellationRequested ? null : ClientProof.Try(each, time, stop);
            if (proof is not null) display.Say($"{each.Plan.Name}: {proof.Text}{(proof.IsGood ? "" : ": it cannot offer this load")}");
            if (StopsOnDoubt && !stop.IsCancellationRequested && proof is { IsGood: false })
            {
                throw new LoadException(
                    ExitCode.ClientIsTheLimit,
                    $"{each.Plan.Name}: the client cannot offer {Quantity.Number(proof.Wanted)}/s: {proof.Text}.\nGive it more threads or cores (--threads), ask for less, or measure all the same with --accept-client-limit.");
            }

            proofs.Add(proof);
        }

        WaitForStart(stop);
        if (stop.IsCancellationRequested) return new LoadReport { Kind = "run", Started = started, Command = command, Machine = MachineFacts.Read(), Partial = "stopped before its start" };
        return Measure(plan, prepared, proofs, started, stop);
    }

    /// <param name="prepared">In the plan's order, as are <paramref name="proofs"/>.</param>
    public LoadReport Measure(LoadPlan plan, IReadOnlyList<Preparation> prepared, IReadOnlyList<ProofResult?> proofs, DateTimeOffset started, CancellationToken stop)
    {
        HashSet<string> models = [.. prepared.SelectMany(each => each.Models)];
        using MetricsSource? metrics = plan.Metrics is null ? null : MetricsSource.TryOpen(plan.Metrics, time);
        long[] planned = [.. plan.Scenarios.Select(scenario => scenario.Thresholds.Any(threshold => threshold.EndsRun) ? PlannedCalls.Of(scenario) : 0)];
        DateTimeOffset now = time.GetUtcNow();
        DateTimeOffset begin = StartAt is { } at && at > now ? at : now + LeadTime;
        long start = time.GetTimestamp() + (long)((begin - now).TotalSeconds * time.TimestampFrequency);
        metrics?.Start(start, TimeSpan.FromSeconds(1));
        List<ScenarioRun> runs = [.. prepared.Select(each => new ScenarioRun(each, each.Server, each.Plan.Simulations, each.Plan.WarmUpSeconds, each.Plan.Verify, time, start))];
        string? lost = Watch(runs, planned, start, stop);
        foreach (ScenarioRun run in runs) run.Join();
        IReadOnlyList<MetricsSample> samples = metrics?.Stop() ?? [];
        ScenarioResult[] results = [.. runs.Select((run, i) => run.Result(proofs[i]))];
        string? partial = runs.Select(run => run.Failure is { } failure ? $"{run.Plan.Name}: {failure}" : null).FirstOrDefault(reason => reason is not null)
            ?? (stop.IsCancellationRequested ? "stopped before its end" : lost);
        string[] doubts = [.. proofs.Select((proof, i) => proof is { IsGood: false } ? $"{results[i].Name}: {proof.Text}: the client cannot offer this load" : Vouching.Doubt(results[i], plan.Scenarios[i].Claim)).OfType<string>()];
        string[] unread = metrics is null && plan is { Metrics: { } url, IsGuess: false } ? [$"{QueryText.WithoutValues($"{url}")}: no metrics could be read there: the report has nothing of the server's own"] : [];
        double countFrom = results.Min(result => result.WarmUpSeconds);
        ServerResult? server = metrics is null ? null : ServerReading.Read(metrics.Url, samples, models, countFrom, countFrom + results.Max(result => result.Seconds));
        return new LoadReport
        {
            Kind = "run",
            Started = started,
            LoadStarted = begin,
            Command = command,
            Machine = MachineFacts.Read(),
            Partial = partial,
            IsEndedByThreshold = partial is not null && partial == lost,
            Warnings = [.. doubts, .. unread, .. new[] { server?.Warning, Vouching.Dearer(results, server) }.OfType<string>(), .. results.SelectMany(Vouching.Notes)],
            IsVouchedFor = doubts.Length == 0,
            Scenarios = results,
            Server = server,
            Thresholds = [.. plan.Scenarios.SelectMany((scenario, i) => scenario.Thresholds.Select(threshold => ThresholdCheck.Check(threshold, results[i])))],
        };
    }

    /// <summary>Until there is just the time left that connections take.</summary>
    /// <exception cref="LoadException">There is less than that.</exception>
    private void WaitForStart(CancellationToken stop)
    {
        if (StartAt is not { } at || stop.IsCancellationRequested) return;
        TimeSpan left = at - LeadTime - time.GetUtcNow();
        if (left < TimeSpan.Zero) throw new LoadException(ExitCode.CannotStart, $"--start-at: the client was ready only at {time.GetUtcNow():HH:mm:ss.fff} UTC, less than {Quantity.Seconds(LeadTime.TotalSeconds)} before {at:HH:mm:ss.fff}; say a later time, or --skip-proof");
        try
        {
            Task.Delay(left, time, stop).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            // The caller sees it too.
        }
    }

    /// <param name="planned">Calls of each run that count, where a threshold may end it.</param>
    /// <returns>Which threshold ended the runs; null where none did.</returns>
    private string? Watch(List<ScenarioRun> runs, long[] planned, long start, CancellationToken stop)
    {
        string? lost = null;
        display.Show(update =>
        {
            bool isStopped = false;
            while (runs.Any(run => !run.IsOver))
            {
                // Once all calls are sent there is nothing left to end, only last answers to wait for.
                if (runs.Any(run => time.GetElapsedTime(start).TotalSeconds < run.Seconds)) lost ??= Lost(runs, planned);
                if (!isStopped && (stop.IsCancellationRequested || lost is not null || runs.Any(run => run.Failure is not null)))
                {
                    // One that has lost its server, or a threshold that ends the run, ends the others too: what they would measure is not what was asked for.
                    isStopped = true;
                    foreach (ScenarioRun run in runs.Where(run => run.Failure is null)) run.Stop();
                }

                update([.. runs.Select(run => Progress(run, start))]);
                Task.Delay(Refresh, time, CancellationToken.None).GetAwaiter().GetResult();
            }

            update([.. runs.Select(run => Progress(run, start))]);
        });
        return lost;
    }

    private static string? Lost(List<ScenarioRun> runs, long[] planned)
    {
        for (int i = 0; i < runs.Count; i++)
        {
            if (runs[i].Lost(planned[i]) is { } threshold) return $"ended early: '{threshold.Condition}' can no longer be kept{(runs.Count > 1 ? $" by {runs[i].Plan.Name}" : "")}";
        }

        return null;
    }

    private RunProgress Progress(ScenarioRun run, long start)
    {
        IReadOnlyList<IntervalTally> intervals = run.Intervals;
        return new RunProgress(
            run.Plan.Name,
            Math.Max(0, time.GetElapsedTime(start).TotalSeconds),
            run.Seconds,
            run.Plan.WarmUpSeconds,
            run.IntervalSeconds,
            intervals.LastOrDefault(interval => (interval.Index + 1) * run.IntervalSeconds <= run.Seconds + 1e-6),
            run.UnderWay,
            intervals.Sum(interval => interval.Failed),
            intervals.Sum(interval => interval.Refused));
    }
}
