using Gateway.Load.Results;

namespace Gateway.Load.Capacity;

/// <summary>Says what ends a server's capacity, by what was busy when it had as much as it could do.</summary>
internal static class LimitFinder
{
    // From where on a resource counts as used up: schedulers and collectors take the rest.
    private const double Full = 0.85;
    private const double MostRefused = 0.01;

    /// <param name="hard">The hardest stretch: saturated, or the lowest rate that missed.</param>
    /// <param name="clientRate">Calls a second that the client makes against a server that does nothing; 0 when not known.</param>
    /// <param name="cores">Of the server's machine, less what the client used, when they share one; 0 when not known.</param>
    /// <param name="objectiveMilliseconds">Of the search.</param>
    public static string Explain(TrialResult hard, double clientRate, double cores, double objectiveMilliseconds)
    {
        if (hard.ClientBusy > 0.95) return $"the client: one of its threads was busy {Quantity.Share(hard.ClientBusy)} of the time";
        if (clientRate > 0 && hard.Throughput > Full * clientRate) return $"the client: it makes {Quantity.Number(clientRate)}/s against a server that does nothing";
        if (hard.ServerCpuCores < 0) return "not known: the server's metrics could not be read (--metrics)";
        string cpu = cores > 0 ? $"server CPU {Quantity.Number(hard.ServerCpuCores)} of {Quantity.Number(cores)} cores" : $"server CPU {Quantity.Number(hard.ServerCpuCores)} cores";
        if (hard.InstancesBusy >= Full) return $"the device: {Quantity.Number(hard.InstancesBusy)} model instances busy on the average, in batches of {Quantity.Number(hard.BatchRows)} rows ({cpu})";
        if (cores > 0 && hard.ServerCpuCores >= Full * cores) return $"server CPU: {Quantity.Number(hard.ServerCpuCores)} of {Quantity.Number(cores)} cores busy, model instances {Quantity.Share(hard.InstancesBusy)}";
        if (hard.ErrorShare > MostRefused) return $"refusals: {Quantity.Share(hard.ErrorShare)} of the calls ({cpu}, model instances busy {Quantity.Share(hard.InstancesBusy)})";
        if (hard.QueueMilliseconds >= objectiveMilliseconds / 4) return $"the queue: {Quantity.Seconds(hard.QueueMilliseconds / 1000)} of a request's time, though model instances are busy {Quantity.Share(hard.InstancesBusy)} ({cpu})";
        return $"latency itself: nothing was used up ({cpu}, model instances busy {Quantity.Share(hard.InstancesBusy)}, queue {Quantity.Seconds(hard.QueueMilliseconds / 1000)})";
    }
}
