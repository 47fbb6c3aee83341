using Gateway.Load.Results;
using Gateway.Load.Scenarios;
using Gateway.Load.Statistics;

namespace Gateway.Load.Capacity;

/// <summary>Runs stretches of load, one after another, each long enough for what it is to show.</summary>
/// <param name="name">For messages.</param>
/// <param name="seconds">Least length of a trial.</param>
internal sealed class TrialRunner(ITrialLoad load, string name, Objective objective, double seconds)
{
    // Answers that take as long as they may are in the window that counts only when the warm-up is longer than they take.
    private const double LeastWarmUpSeconds = 1;
    private const double WarmUpObjectives = 1.2;
    private const double LeastObjectives = 5;

    // A share of misses is known to a fifth or so only when so many may be; beyond a minute the rest is said instead.
    private const double LeastMisses = 20;
    private const double MostSeconds = 60;

    // Misses beyond this many times what the whole trial may have: no rest of it can bring the share back.
    private const double Hopeless = 1.5;

    // The client's lateness that could turn a trial, as a share of the objective.
    private const double LagShare = 0.2;
    private const int Attempts = 3;

    // Twice the callers do so much more, or they were enough; and no more of their calls fail than this share.
    private const double LeastRise = 0.05;
    private const double MostMoreErrors = 0.01;

    private bool _isUnsettled;
    private Callers _callers;

    /// <summary>Of the client, by <see cref="Saturate"/>.</summary>
    public int Connections => _callers.Connections;

    /// <summary>Likewise, with the calls under way on them.</summary>
    public Callers Callers => _callers;

    /// <summary>Whether the server still did more with twice the connections when there were as many as there may be.</summary>
    public bool IsShort { get; private set; }

    /// <summary>Why the client, not the server, decided a trial; null when it did not.</summary>
    public string? Doubt { get; private set; }

    private double WarmUpSeconds => Math.Max(LeastWarmUpSeconds, WarmUpObjectives * objective.Seconds);

    /// <summary>Likewise others on the machine.</summary>
    public string? Disturbance { get; private set; }

    /// <summary>One rate in the open model. A trial that misses while the client itself was late, or others had the machine's CPUs, says nothing, and is made again.</summary>
    /// <param name="isCurve">Whether nothing hangs on it: then it is no longer than it must be, not ended early, and the client may be late.</param>
    public TrialResult AtRate(double rate, bool isCurve)
    {
        LoadSimulation simulation = new(SimulationKind.Inject, WarmUpSeconds + Length(rate, isCurve)) { Rate = rate };
        for (int attempt = 1; ; attempt++)
        {
            TrialResult trial = Run(simulation, rate, isCurve);
            bool isLate = trial.LagMilliseconds > LagShare * objective.Seconds * 1000;
            if (isCurve || trial.Holds || (!isLate && !trial.IsDisturbed)) return trial;
            if (attempt < Attempts) continue;
            if (trial.IsDisturbed) Disturbance = $"{name}: a trial at {Quantity.Number(rate)}/s missed, {Attempts} times, while others used the machine: {trial.Machine!.Disturbance}; on a quieter one the knee may be higher";
            if (isLate) Doubt = $"{name}: at {Quantity.Number(rate)}/s the client fell behind, {Attempts} times: {Quantity.Share(1 - objective.Share)} of the calls were sent more than {Quantity.Seconds(trial.LagMilliseconds / 1000)} late";
            return trial;
        }
    }

    /// <summary>As many calls under way as are useful: twice as many, and connections for them, as long as the server does more with them. What comes after has as many connections.</summary>
    /// <returns>The stretch with them.</returns>
    public TrialResult Saturate(Callers callers)
    {
        // The first warms the server up; the second counts.
        _callers = callers;
        Saturated();
        TrialResult saturated = Saturated();
        for (IsShort = callers.CanGrow; IsShort && callers.CanGrow;)
        {
            _callers = callers.Twice();
            TrialResult more = Saturated();
            double rise = (more.Throughput / Math.Max(1e-9, saturated.Throughput)) - 1;

            // Connections that the server does not take are no help, however many calls come through all the same.
            bool areTaken = more.ErrorShare - saturated.ErrorShare <= MostMoreErrors;
            IsShort = areTaken && rise >= LeastRise;
            if (areTaken && rise > -LeastRise) (callers, saturated) = (_callers, more);
        }

        _callers = callers;
        return saturated;
    }

    /// <summary>Whether it was the client's connections that a stretch which missed was short of: at the most there may be, or when calls waited for one of those given by hand though by Little's law the server had no more calls than it could answer in time.</summary>
    public bool IsShortOfConnections(TrialResult missed) =>
        missed.MostWaiting > 0 && (IsShort || (!_callers.MayGrow && _callers.Room < missed.Rate * objective.Seconds));

    private TrialResult Saturated() => Run(new LoadSimulation(SimulationKind.KeepConstant, WarmUpSeconds + Math.Max(seconds, LeastObjectives * objective.Seconds)) { Copies = _callers.Copies }, 0, isCurve: true);

    /// <summary>Seconds that count at a rate.</summary>
    public double Length(double rate, bool isCurve)
    {
        double least = Math.Max(seconds, LeastObjectives * objective.Seconds);
        return isCurve ? least : Math.Max(least, Math.Min(MostSeconds, LeastMisses / ((1 - objective.Share) * rate)));
    }

    private TrialResult Run(LoadSimulation simulation, double rate, bool isCurve)
    {
        if (_isUnsettled) load.Settle(objective);
        string? hopeless = null;
        double mostMisses = Math.Max(LeastMisses, Hopeless * (1 - objective.Share) * rate * (simulation.Seconds - WarmUpSeconds));
        TrialLoadResult ran = load.Run(simulation, _callers.Connections, WarmUpSeconds, counted =>
        {
            if (rate > 0 && !isCurve && hopeless is null && objective.Misses(counted) is var misses && misses > mostMisses) hopeless = $"{Quantity.Number(misses)} calls had missed the objective";
            return hopeless is not null;
        });
        ScenarioResult result = ran.Scenario;

        // The server may allow fewer calls on a connection than were asked for.
        _callers = _callers with { Window = Math.Min(_callers.Window, result.Window) };
        ServerResult? server = ran.Server;
        LatencyHistogram latency = result.Latency.ToHistogram();
        LatencyHistogram lag = result.Lag.ToHistogram();
        double shown = objective.Milliseconds(result);
        (double least, double most) = objective.Interval(result);
        bool holds = hopeless is null && objective.Holds(result);
        _isUnsettled = !holds;
        double busy = server?.InstancesBusy ?? 0;
        return new TrialResult(
            rate, result.Throughput, latency.CountWithin(objective.Seconds * 1e9) / Math.Max(1e-9, result.Seconds),
            latency.Nanoseconds(0.5) / 1e6, latency.Nanoseconds(0.9) / 1e6, latency.Nanoseconds(0.99) / 1e6, latency.Nanoseconds(0.999) / 1e6,
            result.ErrorShare + result.RefusedShare, holds, isCurve)
        {
            Seconds = result.Seconds,
            ObjectiveMilliseconds = double.IsFinite(shown) ? shown : 0,
            ObjectiveLeast = double.IsFinite(least) ? least : -1,
            ObjectiveMost = double.IsFinite(most) ? most : -1,
            LagP99Milliseconds = lag.Nanoseconds(0.99) / 1e6,
            LagMilliseconds = lag.Nanoseconds(objective.Share) / 1e6,
            ServerCpuCores = server?.CpuCores ?? -1,
            BatchRows = server?.BatchRows ?? 0,
            QueueMilliseconds = server?.Stages.FirstOrDefault(stage => stage.Name == "queue")?.Milliseconds ?? 0,
            InstancesBusy = server is { Instances: > 0 } ? busy / server.Instances : busy,
            Instances = server?.Instances ?? 0,
            IsBusyEstimate = server?.IsBusyEstimate ?? false,
            RunsOnCpu = server?.RunsOnCpu ?? false,
            Machine = ran.Machine,
            ClientBusy = result.ClientBusy,
            Connections = _callers.Connections,
            MostWaiting = result.MostWaiting,
            Hopeless = hopeless,
        };
    }
}
