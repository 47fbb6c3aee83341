using Gateway.Load.Capacity;
using Gateway.Load.Results;
using Gateway.Load.Running;

namespace Gateway.Load.Tuning;

/// <summary>Measures a server on each setting: saturated, at one rate that is the same for all, and, where an objective is given, up to its knee; in passes over all of them, so that each has the machine's good and bad minutes.</summary>
/// <param name="seconds">Of a trial, the passes together.</param>
/// <param name="start">Starts one on a configuration.</param>
/// <param name="rate">Calls a second at which latencies are compared; 0 for half of what the first setting does saturated.</param>
/// <param name="objective">Null for no search.</param>
internal sealed class TuneRun(Func<string, ITunedServer> start, double seconds, double rate, Objective? objective, IRunDisplay display, CancellationToken stop)
{
    private const double Share = 0.5;
    private const double FirstKneeShare = 0.7;
    private const int Attempts = 3;
    private const int Passes = 3;

    // As in a run: so late, latencies are the client's.
    private const double LagShare = 0.1;

    // Latencies at the rate that all have are compared, not held against anything.
    private static readonly Objective Any = new(0.01, 0.2);
    private readonly Dictionary<TuneSetting, string> _doubts = [];
    private double _rate = rate;

    // Against nothing, by connections; the payloads of all settings are the same.
    private readonly Dictionary<int, double> _clientRates = [];
    private readonly List<string> _notes = [];

    /// <summary>Settings whose figures are the client's and not the server's, and why.</summary>
    public IReadOnlyList<string> Doubts => [.. _doubts.Values];

    /// <summary>What is worth knowing though the figures stand: settings that were measured while others used the machine, or not in all passes.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <param name="original">The configuration as it is.</param>
    public TuneResult Run(string original, string model, IReadOnlyList<TuneSetting> settings)
    {
        SettingPasses[] all = [.. settings.Select(setting => new SettingPasses(setting))];
        for (int pass = 1; pass <= Passes; pass++)
        {
            // There and back, so that a machine that grows slower is not the last one's fault.
            foreach (SettingPasses each in pass % 2 == 1 ? all : all.Reverse())
            {
                if (stop.IsCancellationRequested) break;
                if (each.Problem is not null) continue;
                Measure(original, each);
                display.Say($"pass {pass} of {Passes}, {each.Setting}: {each.Problem ?? Text(each.Last)}");
            }
        }

        TunePoint[] points = [.. all.Where(each => each.IsTried).Select(each => each.ToPoint())];
        return new TuneResult(model, ParetoFront.Mark(points)) { Rate = _rate, Percentile = objective?.Share ?? 0, ObjectiveMilliseconds = (objective?.Seconds ?? 0) * 1000 };
    }

    private string Text(SettingPasses.Pass pass) =>
        $"{Quantity.Number(pass.Throughput)}/s saturated, p99 {Quantity.Seconds(pass.P99Milliseconds / 1000)} at {Quantity.Number(_rate)}/s{(pass.MissShare > 0 ? $", {Quantity.Share(pass.MissShare)} of the calls missed" : "")}{(objective is null ? "" : $", knee {Quantity.Number(pass.Knee)}/s")}";

    private void Measure(string original, SettingPasses of)
    {
        try
        {
            of.Config = of.Setting.Apply(original);
            using ITunedServer server = start(of.Config);

            // The passes together take as long as one trial is to.
            TrialRunner runner = new(server.Load, $"{of.Setting}", objective ?? Any, seconds / Passes);
            TrialResult saturated = runner.Saturate(of.Callers ?? server.Callers);
            double clientRate = ClientRate(server.Load, runner.Connections);
            if (LimitFinder.IsClient(saturated, clientRate))
            {
                Doubt(of, $"saturated it does {Quantity.Number(saturated.Throughput)}/s, and the client {Quantity.Number(clientRate)}/s against a server that does nothing, {Quantity.Share(saturated.ClientBusy)} busy: the client is the limit");
            }

            if (runner.IsShort) Doubt(of, $"saturated it does more with every connection, up to {Quantity.Number(runner.Connections)}: the client is the limit (--connections)");

            // Found once: the other passes are over as many.
            of.Callers = runner.Callers with { MayGrow = false };
            if (_rate == 0) _rate = Math.Max(1, saturated.Throughput * Share);
            TrialResult even = Even(runner, of);
            (double knee, string limit) = objective is null ? (0, "") : Knee(runner, objective, saturated, clientRate);
            if (runner.Doubt is { } doubt) _doubts.TryAdd(of.Setting, doubt);
            if (runner.Disturbance is { } disturbance) _notes.Add(disturbance);
            of.Add(new SettingPasses.Pass(saturated.Throughput, even.P50Milliseconds, even.P99Milliseconds, saturated.BatchRows, Math.Max(even.ErrorShare, saturated.ErrorShare), knee, limit));
        }
        catch (Exception exception) when (exception is LoadException or FormatException or OperationCanceledException or IOException)
        {
            // One setting that the gateway refuses ends nothing: it is a result too.
            of.Problem = exception is OperationCanceledException ? "stopped" : exception.Message;
            if (of.HasPasses && exception is not OperationCanceledException) _notes.Add($"{of.Setting}: not all of its passes could be measured: {of.Problem}");
        }
    }

    /// <summary>A setting is named once, whichever pass it was.</summary>
    private void Doubt(SettingPasses of, string why) => _doubts.TryAdd(of.Setting, $"{of.Setting}: {why}");

    private double ClientRate(ITrialLoad load, int connections)
    {
        if (_clientRates.TryGetValue(connections, out double rate)) return rate;
        load.Settle(objective ?? Any);
        return _clientRates[connections] = load.ClientRate(connections);
    }

    /// <summary>At the rate that all have; again where the client was late, which says nothing of the server.</summary>
    private TrialResult Even(TrialRunner runner, SettingPasses of)
    {
        for (int attempt = 1; ; attempt++)
        {
            TrialResult trial = runner.AtRate(_rate, isCurve: true);
            double allowed = Math.Max(ClientProof.MostLagMicroseconds / 1000, LagShare * trial.P99Milliseconds);
            if (trial.LagP99Milliseconds <= allowed) return trial;
            if (attempt < Attempts) continue;
            Doubt(of, $"at {Quantity.Number(_rate)}/s the client fell behind, {Attempts} times: 1 % of the calls were sent more than {Quantity.Seconds(trial.LagP99Milliseconds / 1000)} late");
            return trial;
        }
    }

    /// <summary>The highest rate that holds the objective, and what ended it.</summary>
    private static (double Knee, string Limit) Knee(TrialRunner runner, Objective objective, TrialResult saturated, double clientRate)
    {
        List<TrialResult> trials = [];
        double knee = new KneeSearch(Try).Find(Math.Max(1, saturated.Throughput * FirstKneeShare), Math.Max(1, clientRate));
        return (knee, LimitFinder.Explain(LimitFinder.Hardest(trials, knee, saturated)!, clientRate, serverCores: 0, objective.Seconds * 1000));

        KneeSearch.Trial Try(double rate)
        {
            trials.Add(runner.AtRate(rate, isCurve: false));
            return new KneeSearch.Trial(trials[^1].Holds, IsClear: trials[^1].Hopeless is not null && !trials[^1].IsDisturbed);
        }
    }
}
