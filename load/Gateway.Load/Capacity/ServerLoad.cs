using Gateway.Load.Results;
using Gateway.Load.Running;
using Gateway.Load.Scenarios;
using Gateway.Load.ServerMetrics;
using Gateway.Load.Statistics;

namespace Gateway.Load.Capacity;

/// <summary>Stretches of load against a prepared scenario's server.</summary>
/// <param name="metrics">Null where the server's could not be had.</param>
internal sealed class ServerLoad(Preparation prepared, MetricsSource? metrics, TimeProvider time, CancellationToken stop) : ITrialLoad
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan SettleLimit = TimeSpan.FromSeconds(30);

    // A server at rest answers a single request as fast as it can; this is as near as another one comes to it.
    private const double Near = 2;

    private readonly TimeSpan _atRest = Probe(prepared, time) ?? TimeSpan.Zero;

    public TrialLoadResult Run(LoadSimulation simulation, int connections, double warmUpSeconds, Func<IReadOnlyList<IntervalTally>, bool> isHopeless)
    {
        stop.ThrowIfCancellationRequested();
        ScenarioRun run = new(prepared.With(connections), prepared.Server, [simulation], warmUpSeconds, verify: false, time, time.GetTimestamp() + (time.TimestampFrequency / 20));
        MetricsSample? before = metrics?.TryRead();
        while (!run.IsOver)
        {
            Task.Delay(Look, time, CancellationToken.None).GetAwaiter().GetResult();
            if (stop.IsCancellationRequested || isHopeless([.. run.Intervals.Where(interval => interval.Index * run.IntervalSeconds >= warmUpSeconds)])) run.Stop();
        }

        run.Join();
        MetricsSample? after = metrics?.TryRead();
        if (run.Failure is { } failure) throw new LoadException(ExitCode.Partial, $"{prepared.Plan.Name}: {failure}");
        stop.ThrowIfCancellationRequested();
        ServerResult? server = before is not null && after is not null ? ServerReading.Read(metrics!.Url, [before, after], prepared.Models, 0, double.MaxValue) : null;
        return new TrialLoadResult(run.Result(null), server);
    }

    public void Settle(Objective objective)
    {
        long begun = time.GetTimestamp();
        TimeSpan fast = TimeSpan.FromSeconds(Math.Max(objective.Seconds / Near, _atRest.TotalSeconds * Near));
        while (!stop.IsCancellationRequested && time.GetElapsedTime(begun) < SettleLimit)
        {
            if (Probe(prepared, time) is { } took && took <= fast) return;
            Task.Delay(Between, time, CancellationToken.None).GetAwaiter().GetResult();
        }
    }

    /// <returns>What one request took, its connection included; null when it was refused.</returns>
    private static TimeSpan? Probe(Preparation prepared, TimeProvider time)
    {
        long begun = time.GetTimestamp();
        try
        {
            ServerProbe.FirstAnswer(prepared.Plan, prepared.Server, prepared.Target, prepared.Requests[0], null, time);
            return time.GetElapsedTime(begun);
        }
        catch (LoadException)
        {
            return null;
        }
    }
}
