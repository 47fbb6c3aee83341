using Gateway.Load.Results;

namespace Gateway.Load.Capacity;

/// <summary>Says what ends a server's capacity, by what was busy when it had as much as it could do.</summary>
internal static class LimitFinder
{
    // From where on a resource counts as used up: schedulers and collectors take the rest.
    private const double Full = 0.85;
    private const double MostClientBusy = 0.95;
    private const double MostRefused = 0.01;

    /// <summary>The stretch that tells: the lowest rate that missed beside the knee; where none did, the saturated one.</summary>
    public static TrialResult? Hardest(IReadOnlyList<TrialResult> trials, double knee, TrialResult? saturated) =>
        trials.Where(trial => trial.Rate >= knee && trial.Rate > 0 && !trial.Holds && !trial.IsCurve).MinBy(trial => trial.Rate) ?? saturated ?? (trials.Count > 0 ? trials[^1] : null);

    /// <summary>Whether it was the client: then the server's capacity is not known, but for that it is at least as much.</summary>
    /// <param name="clientRate">Calls a second that the client makes against a server that does nothing; 0 when not known.</param>
    public static bool IsClient(TrialResult hard, double clientRate) => hard.ClientBusy > MostClientBusy || (clientRate > 0 && hard.Throughput > Full * clientRate);

    /// <summary>Whether a server that had the machine to itself would do more, so that its capacity there is at least what was found.</summary>
    /// <param name="serverCores">That the server may use, where that is known: then it has them, whoever uses the others; 0 where it is not.</param>
    public static bool IsShared(TrialResult hard, double serverCores) => serverCores == 0 && hard.Machine is { IsFull: true, IsShared: true };

    /// <param name="hard">As <see cref="Hardest"/> has it.</param>
    /// <param name="serverCores">That the server may use, where that is known; 0 where it is not: then what the client leaves it of their machine.</param>
    /// <param name="objectiveMilliseconds">Of the search.</param>
    public static string Explain(TrialResult hard, double clientRate, double serverCores, double objectiveMilliseconds)
    {
        if (hard.ClientBusy > MostClientBusy) return $"the client: one of its threads was busy {Quantity.Share(hard.ClientBusy)} of the time";
        if (IsClient(hard, clientRate)) return $"the client: it makes {Quantity.Number(clientRate)}/s against a server that does nothing";
        if (hard.ServerCpuCores < 0) return "not known: the server's metrics could not be read (--metrics)";
        double cores = serverCores > 0 ? serverCores : hard.Machine is { } shared ? shared.Cores - shared.Client : 0;
        string cpu = cores > 0 ? $"server CPU {Quantity.Number(hard.ServerCpuCores)} of {Quantity.Number(cores)} cores" : $"server CPU {Quantity.Number(hard.ServerCpuCores)} cores";
        string busy = hard.Instances > 0 ? $"{(hard.Instances == 1 ? "the model instance" : $"{hard.Instances} model instances")} busy {(hard.IsBusyEstimate ? "about " : "")}{Quantity.Share(hard.InstancesBusy)}" : $"{Quantity.Number(hard.InstancesBusy)} model instances busy on the average";
        bool isCpu = cores > 0 && hard.ServerCpuCores >= Full * cores;
        string serverCpu = $"server CPU: {Quantity.Number(hard.ServerCpuCores)} of {Quantity.Number(cores)} cores busy, {busy}";
        if (serverCores == 0 && hard.Machine is { IsFull: true } full)
        {
            return $"the machine: all {Quantity.Number(full.Cores)} cores busy: server {Quantity.Number(hard.ServerCpuCores)}, client {Quantity.Number(full.Client)}{(full.Others >= 0 ? $", others {Quantity.Number(full.Others)}" : "")} ({busy})";
        }

        // Instances that run on CPUs of which there are no more are busy because they wait for them.
        if (isCpu && hard.RunsOnCpu) return serverCpu;
        if (hard.Instances > 0 && hard.InstancesBusy >= Full) return $"the device: {busy}, in batches of {Quantity.Number(hard.BatchRows)} rows ({cpu})";
        if (isCpu) return serverCpu;
        if (hard.ErrorShare > MostRefused) return $"refusals: {Quantity.Share(hard.ErrorShare)} of the calls ({cpu}, {busy})";
        if (hard.QueueMilliseconds >= objectiveMilliseconds / 4) return $"the queue: {Quantity.Seconds(hard.QueueMilliseconds / 1000)} of a request's time, though {busy} ({cpu})";
        return $"latency itself: nothing was used up ({cpu}, {busy}, queue {Quantity.Seconds(hard.QueueMilliseconds / 1000)})";
    }
}
