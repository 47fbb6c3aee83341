using Gateway.Load.Results;
using Gateway.Load.Statistics;

namespace Gateway.Load.Reports.Html;

/// <summary>What the page draws: points and percentiles rather than histograms, and only those.</summary>
internal static class ChartData
{
    // Where the curve of the distribution has its points: nines, as tails are read.
    private static readonly double[] Shares = [.. Enumerable.Range(0, 20).Select(i => i * 0.05), 0.96, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999, 0.99999, 1];

    public static object Of(LoadReport report) => new
    {
        kind = report.Kind,
        started = report.Started,
        command = report.Command,
        machine = report.Machine.ToString(),
        processes = report.Processes,
        partial = report.Partial,
        warnings = report.Warnings,
        vouched = report.IsVouchedFor,
        verdict = Verdict.Of(report),
        ofTheAnswered = Verdict.OfTheAnswered(report.Scenarios),
        thresholds = report.Thresholds,
        scenarios = report.Scenarios.Select(Scenario),
        server = report.Server,
        capacity = report.Capacity,
        tune = report.Tune,
    };

    private static object Scenario(ScenarioResult result)
    {
        LatencyHistogram latency = result.Latency.ToHistogram();
        LatencyHistogram service = result.Service.ToHistogram();
        return new
        {
            name = result.Name,
            target = result.Target,
            carrier = result.Carrier,
            simulations = result.Simulations,
            isOpen = result.IsOpen,
            warmUp = result.WarmUpSeconds,
            seconds = result.Seconds,
            timeoutMs = result.TimeoutMilliseconds,
            connections = result.Connections,
            threads = result.Threads,
            offeredRate = result.OfferedRate,
            throughput = result.Throughput,
            goodput = result.Goodput,
            offered = result.Offered,
            answered = result.Answered,
            refusedShare = result.RefusedShare,
            errorShare = result.ErrorShare,
            lateShare = result.LateShare,
            retries = result.Retries,
            verified = result.Verified,
            verifiedByShape = result.VerifiedByShape,
            wrong = result.Wrong,
            clientCpu = result.ClientCpuMicroseconds,
            clientBusy = result.ClientBusy,
            lagP99 = result.Lag.ToHistogram().Microseconds(0.99) / 1000,
            proof = result.Proof?.Text,
            p50 = Milliseconds(latency, 0.5),
            p90 = Milliseconds(latency, 0.9),
            p99 = Milliseconds(latency, 0.99),
            p999 = Milliseconds(latency, 0.999),
            max = Milliseconds(latency, 1),
            mean = latency.Mean / 1e6,
            hasLatency = latency.Count > 0,
            connectionsUp = result.ConnectionsUp,
            distribution = Shares.Select(share => new[] { share, Milliseconds(latency, Math.Max(share, 1e-9)), Milliseconds(service, Math.Max(share, 1e-9)) }),
            steps = result.StepLatencies.Select((step, i) => Step(result.Steps[i], step.ToHistogram())),
            kinds = result.Kinds,
            interval = result.IntervalSeconds,
            points = result.Intervals.Select(interval => Point(interval, result.IntervalSeconds)),
        };
    }

    private static object Step(string name, LatencyHistogram latency) => new { name, p50 = Milliseconds(latency, 0.5), p99 = Milliseconds(latency, 0.99), count = latency.Count };

    private static object Point(IntervalTally interval, double seconds)
    {
        LatencyHistogram latency = interval.Latency.ToHistogram();
        bool has = latency.Count > 0;
        return new
        {
            t = interval.Index * seconds,
            offered = interval.Offered / seconds,
            answered = interval.Answered / seconds,
            good = interval.InTime / seconds,
            refused = interval.Refused / seconds,
            failed = interval.Failed / seconds,
            p50 = has ? Milliseconds(latency, 0.5) : (double?)null,
            p90 = has ? Milliseconds(latency, 0.9) : (double?)null,
            p99 = has ? Milliseconds(latency, 0.99) : (double?)null,
            max = has ? Milliseconds(latency, 1) : (double?)null,
        };
    }

    private static double Milliseconds(LatencyHistogram histogram, double share) => Math.Round(histogram.Nanoseconds(share) / 1e6, 5);
}
