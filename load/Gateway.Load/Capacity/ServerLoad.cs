using System.Net;
using Gateway.Load.Machine;
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
    private static readonly TimeSpan LeastLook = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan SettleLimit = TimeSpan.FromSeconds(30);

    // A server at rest answers a single request as fast as it can; this is as near as another one comes to it.
    private const double Near = 2;

    private readonly Dictionary<int, double> _clientRates = [];

    // Where the server has the same CPUs as the client.
    private readonly bool _isLocal = IPAddress.IsLoopback(prepared.Server.Address);
    private readonly TimeSpan _atRest = Probe(prepared, time) ?? TimeSpan.Zero;

    public TrialLoadResult Run(LoadSimulation simulation, int connections, double warmUpSeconds, Func<IReadOnlyList<IntervalTally>, bool> isHopeless)
    {
        stop.ThrowIfCancellationRequested();
        Preparation with = With(connections);
        long start = time.GetTimestamp() + (time.TimestampFrequency / 20);
        ScenarioRun run = new(with, with.Server, [simulation], warmUpSeconds, verify: false, time, start);

        // Pages at both ends of what counts, for warm-up and drain have another load; from beside it where a server under load gives none in time.
        Moment begin = Now();
        Moment? end = null;
        bool isBegun = false;
        while (!run.IsOver)
        {
            double at = time.GetElapsedTime(start).TotalSeconds;
            if (!isBegun && at >= warmUpSeconds) (isBegun, begin) = (true, Now(begin.Page));
            else if (end is null && at >= run.Seconds) end = Now();
            double next = !isBegun ? warmUpSeconds - at : end is null ? run.Seconds - at : double.MaxValue;
            Task.Delay(TimeSpan.FromSeconds(Math.Clamp(next, LeastLook.TotalSeconds, Look.TotalSeconds)), time, CancellationToken.None).GetAwaiter().GetResult();
            if (stop.IsCancellationRequested || isHopeless([.. run.Intervals.Where(interval => interval.Index * run.IntervalSeconds >= warmUpSeconds)])) run.Stop();
        }

        run.Join();
        Moment over = end ?? Now();
        MetricsSample? after = over.Page ?? metrics?.TryRead();
        if (run.Failure is { } failure) throw new LoadException(ExitCode.Partial, $"{prepared.Plan.Name}: {failure}");
        stop.ThrowIfCancellationRequested();
        ServerResult? server = begin.Page is { } before && after is not null ? ServerReading.Read(metrics!.Url, [before, after], prepared.Models, 0, double.MaxValue) : null;
        double seconds = time.GetElapsedTime(begin.At, over.At).TotalSeconds;
        Interference? machine = _isLocal && seconds > 0
            ? Interference.Between(begin.Machine, over.Machine, seconds, (over.Client - begin.Client).TotalSeconds, server?.CpuCores ?? -1, Processor.Usable, Processor.Online) : null;
        return new TrialLoadResult(run.Result(null), server, machine);
    }

    public double ClientRate(int connections)
    {
        if (_clientRates.TryGetValue(connections, out double rate)) return rate;
        rate = ClientProof.Try(With(connections), time, stop).Rate;
        stop.ThrowIfCancellationRequested();
        return _clientRates[connections] = rate;
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

    /// <summary>With as many callers for each connection as to begin with, which is how they grow.</summary>
    private Preparation With(int connections)
    {
        Callers begun = Callers.Of(prepared.Plan);
        return prepared.With(connections, (int)((long)begun.Copies * connections / begun.Connections));
    }

    /// <param name="page">Of before, where the server has none now.</param>
    private Moment Now(MetricsSample? page = null) => new(metrics?.TryRead() ?? page, CpuTimes.Read(), Environment.CpuUsage.TotalTime, time.GetTimestamp());

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

    /// <summary>What counts up at an end of the time that counts.</summary>
    /// <param name="Client">CPU time of this process.</param>
    /// <param name="At">A timestamp.</param>
    private readonly record struct Moment(MetricsSample? Page, CpuTimes? Machine, TimeSpan Client, long At);
}
