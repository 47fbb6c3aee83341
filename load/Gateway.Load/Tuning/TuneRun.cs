using Gateway.Load.Capacity;
using Gateway.Load.Results;
using Gateway.Load.Running;

namespace Gateway.Load.Tuning;

/// <summary>Measures a server on each setting: saturated, at one rate that is the same for all, and, where an objective is given, up to its knee.</summary>
/// <param name="start">Starts one on a configuration; told what the client does against nothing, once that is known.</param>
/// <param name="rate">Calls a second at which latencies are compared; 0 for half of what the first setting does saturated.</param>
/// <param name="objective">Null for no search.</param>
internal sealed class TuneRun(Func<string, double, ITunedServer> start, double seconds, double rate, Objective? objective, IRunDisplay display, CancellationToken stop)
{
    private const double Share = 0.5;
    private const double FirstKneeShare = 0.7;
    private const int Attempts = 3;

    // As in a run: so near to what the client does against nothing, the server is not what limits; so late, latencies are the client's.
    private const double NullShare = 0.85;
    private const double MostClientBusy = 0.95;
    private const double LagShare = 0.1;

    // Latencies at the rate that all have are compared, not held against anything.
    private static readonly Objective Any = new(0.01, 0.2);
    private readonly List<string> _doubts = [];
    private double _rate = rate;
    private double _clientRate;

    /// <summary>Settings whose figures are the client's and not the server's, and why.</summary>
    public IReadOnlyList<string> Doubts => _doubts;

    /// <param name="original">The configuration as it is.</param>
    public TuneResult Run(string original, string model, IReadOnlyList<TuneSetting> settings)
    {
        List<TunePoint> points = [];
        foreach (TuneSetting setting in settings)
        {
            if (stop.IsCancellationRequested) break;
            points.Add(Measure(original, setting));
            TunePoint point = points[^1];
            display.Say($"{setting}: {point.Problem ?? $"{Quantity.Number(point.Throughput)}/s saturated, p99 {Quantity.Seconds(point.P99Milliseconds / 1000)} at {Quantity.Number(_rate)}/s{(point.MissShare > 0 ? $", {Quantity.Share(point.MissShare)} of the calls missed" : "")}{(objective is null ? "" : $", knee {Quantity.Number(point.Knee)}/s")}"}");
        }

        return new TuneResult(model, ParetoFront.Mark(points)) { Rate = _rate, Percentile = objective?.Share ?? 0, ObjectiveMilliseconds = (objective?.Seconds ?? 0) * 1000 };
    }

    private TunePoint Measure(string original, TuneSetting setting)
    {
        string config = "";
        try
        {
            config = setting.Apply(original);
            using ITunedServer server = start(config, _clientRate);
            _clientRate = server.ClientRate;
            TrialRunner runner = new(server.Load, $"{setting}", objective ?? Any, seconds);
            TrialResult saturated = runner.Saturate(server.Callers);
            if (saturated.ClientBusy > MostClientBusy || (_clientRate > 0 && saturated.Throughput > NullShare * _clientRate))
            {
                _doubts.Add($"{setting}: saturated it does {Quantity.Number(saturated.Throughput)}/s, and the client {Quantity.Number(_clientRate)}/s against a server that does nothing, {Quantity.Share(saturated.ClientBusy)} busy: the client is the limit");
            }

            if (runner.IsShort) _doubts.Add($"{setting}: saturated it does more with every connection, up to {Quantity.Number(runner.Connections)}: the client is the limit (--connections)");
            if (_rate == 0) _rate = Math.Max(1, saturated.Throughput * Share);
            TrialResult even = Even(runner, setting);
            double knee = objective is null ? 0 : new KneeSearch(at => Try(runner, at)).Find(Math.Max(1, saturated.Throughput * FirstKneeShare), Math.Max(1, _clientRate));
            if (runner.Doubt is { } doubt) _doubts.Add(doubt);
            return new TunePoint($"{setting}", saturated.Throughput, even.P50Milliseconds, even.P99Milliseconds, false, config, null)
            {
                BatchRows = saturated.BatchRows,
                Connections = runner.Connections,
                MissShare = Math.Max(even.ErrorShare, saturated.ErrorShare),
                Knee = knee,
            };
        }
        catch (Exception exception) when (exception is LoadException or FormatException or OperationCanceledException or IOException)
        {
            // One setting that the gateway refuses ends nothing: it is a result too.
            return new TunePoint($"{setting}", 0, 0, 0, false, config, exception is OperationCanceledException ? "stopped" : exception.Message);
        }
    }

    /// <summary>At the rate that all have; again where the client was late, which says nothing of the server.</summary>
    private TrialResult Even(TrialRunner runner, TuneSetting setting)
    {
        for (int attempt = 1; ; attempt++)
        {
            TrialResult trial = runner.AtRate(_rate, isCurve: true);
            double allowed = Math.Max(ClientProof.MostLagMicroseconds / 1000, LagShare * trial.P99Milliseconds);
            if (trial.LagP99Milliseconds <= allowed) return trial;
            if (attempt < Attempts) continue;
            _doubts.Add($"{setting}: at {Quantity.Number(_rate)}/s the client fell behind, {Attempts} times: 1 % of the calls were sent more than {Quantity.Seconds(trial.LagP99Milliseconds / 1000)} late");
            return trial;
        }
    }

    private static KneeSearch.Trial Try(TrialRunner runner, double rate)
    {
        TrialResult trial = runner.AtRate(rate, isCurve: false);
        return new KneeSearch.Trial(trial.Holds, IsClear: trial.Hopeless is not null);
    }
}
