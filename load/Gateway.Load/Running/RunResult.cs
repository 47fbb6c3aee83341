using Gateway.Load.Engine;
using Gateway.Load.Results;
using Gateway.Load.Scenarios;
using Gateway.Load.Statistics;

namespace Gateway.Load.Running;

/// <summary>Adds up what the workers of a scenario have counted.</summary>
internal static class RunResult
{
    /// <param name="ran">Seconds to where it was cut off; of all simulations when it was not.</param>
    /// <param name="workers">All that were begun; each has ended.</param>
    public static ScenarioResult Of(
        ScenarioPlan plan, IReadOnlyList<LoadSimulation> simulations, double warmUpSeconds, double ran, double intervalSeconds, IReadOnlyList<LoadWorker> workers, IReadOnlyList<IntervalTally> intervals, ProofResult? proof)
    {
        WorkerTally[] tallies = [.. workers.Select(worker => worker.Tally)];
        return new ScenarioResult
        {
            Name = plan.Name,
            Target = plan.Target.ToString(),
            Carrier = plan.Carrier.Name,
            Steps = [.. plan.Steps.Select(step => step.Name)],
            Models = [.. plan.Steps.Select(step => step.Model).Distinct()],
            Simulations = [.. simulations.Select(simulation => simulation.ToString())],
            IsOpen = simulations.Any(simulation => simulation.IsOpen),
            WarmUpSeconds = warmUpSeconds,
            Seconds = Math.Max(0, Math.Min(ran, simulations.Sum(simulation => simulation.Seconds)) - warmUpSeconds),
            Seed = plan.Seed,
            TimeoutMilliseconds = plan.TimeoutMilliseconds,
            Connections = plan.AllConnections,
            ConnectionsUp = tallies.Sum(tally => tally.MostUp),
            Window = plan.Carrier.IsMultiplexed ? tallies.Select(tally => tally.Window).Where(window => window > 0).Append(plan.Window).Min() : 1,
            Threads = plan.Threads,
            Burst = (simulations.Select(simulation => simulation.Arrivals == ArrivalKind.Burst ? simulation.Burst : 1).DefaultIfEmpty(1).Max() + plan.Threads - 1) / plan.Threads,
            Offered = tallies.Sum(tally => tally.Offered),
            Answered = tallies.Sum(tally => tally.Answered),
            InTime = tallies.Sum(tally => tally.InTime),
            Refused = tallies.Sum(tally => tally.Refused),
            Failed = tallies.Sum(tally => tally.Failed),
            NotSent = tallies.Sum(tally => tally.NotSent),
            Retries = tallies.Sum(tally => tally.Retries),
            Verified = tallies.Sum(tally => tally.Verified),
            VerifiedByShape = tallies.Sum(tally => tally.VerifiedByShape),
            Wrong = tallies.Sum(tally => tally.Wrong),
            CutOff = tallies.Sum(tally => tally.CutOff),
            OldestCutOffSeconds = tallies.Select(tally => tally.OldestCutOff).DefaultIfEmpty(0).Max() / 1e9,
            AnsweredInWindow = workers.Sum(worker => worker.AnsweredInWindow),
            InTimeInWindow = workers.Sum(worker => worker.InTimeInWindow),
            MostWaiting = tallies.Select(tally => tally.MostWaiting).DefaultIfEmpty(0).Max(),
            Sent = tallies.Sum(tally => tally.Sent),
            ClientCpuSeconds = tallies.Sum(tally => tally.Cpu.TotalSeconds),
            ClientBusy = ran > 0 ? Math.Min(1, tallies.Select(tally => tally.Cpu.TotalSeconds / ran).DefaultIfEmpty(0).Max()) : 0,
            Latency = Merge(tallies, tally => tally.Latency),
            Service = Merge(tallies, tally => tally.Service),
            Refusals = Merge(tallies, tally => tally.Refusals),
            Lag = Merge(tallies, tally => tally.Lag),
            StepLatencies = [.. Enumerable.Range(0, plan.Steps.Count > 1 ? plan.Steps.Count : 0).Select(step => Merge(tallies, tally => tally.Steps[step]))],
            Kinds = KindCount.Merge(tallies.SelectMany(tally => tally.Kinds.Counts)),
            IntervalSeconds = intervalSeconds,
            Intervals = intervals,
            Proof = proof,
        };
    }

    private static SparseHistogram Merge(WorkerTally[] tallies, Func<WorkerTally, LatencyHistogram> histogram)
    {
        LatencyHistogram all = new();
        foreach (WorkerTally tally in tallies) all.Add(histogram(tally));
        return all.ToSparse();
    }
}
