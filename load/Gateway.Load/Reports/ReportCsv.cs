using System.Globalization;
using System.Text;
using Gateway.Load.Results;
using Gateway.Load.Statistics;

namespace Gateway.Load.Reports;

/// <summary>Reports as CSV: a line for each interval of each scenario; of a search for the capacity, one for each trial.</summary>
internal static class ReportCsv
{
    public static string Write(LoadReport report)
    {
        StringBuilder csv = new();
        if (report.Capacity is { } capacity)
        {
            csv.Append("setting,rate_per_s,seconds,throughput_per_s,goodput_per_s,p50_ms,p90_ms,p99_ms,p999_ms,objective_ms,objective_least_ms,objective_most_ms,lag_p99_ms,error_share,holds,curve,server_cpu_cores,batch_rows,queue_ms\n");
            foreach (CapacityOf setting in capacity.Settings)
            {
                foreach (TrialResult trial in setting.Trials)
                {
                    Line(csv, setting.Name, trial.Rate, trial.Seconds, trial.Throughput, trial.Goodput, trial.P50Milliseconds, trial.P90Milliseconds, trial.P99Milliseconds, trial.P999Milliseconds, Beyond(trial.ObjectiveMilliseconds), Beyond(trial.ObjectiveLeast), Beyond(trial.ObjectiveMost), trial.LagP99Milliseconds, trial.ErrorShare, trial.Holds ? 1 : 0, trial.IsCurve ? 1 : 0, trial.ServerCpuCores, trial.BatchRows, trial.QueueMilliseconds);
                }
            }

            return csv.ToString();
        }

        if (report.Tune is { } tune)
        {
            csv.Append("setting,throughput_per_s,p50_ms,p99_ms,batch_rows,miss_share,knee_per_s,pareto,as_good,throughput_least_per_s,throughput_most_per_s,p99_least_ms,p99_most_ms\n");
            foreach (TunePoint point in tune.Points) Line(csv, point.Name, point.Throughput, point.P50Milliseconds, point.P99Milliseconds, point.BatchRows, point.MissShare, point.Knee, point.IsBest ? 1 : 0, point.IsAsGood ? 1 : 0, point.ThroughputLeast, point.ThroughputMost, point.P99LeastMilliseconds, point.P99MostMilliseconds);
            return csv.ToString();
        }

        csv.Append("scenario,seconds,warm_up,offered_per_s,answered_per_s,in_time_per_s,refused_per_s,failed_per_s,mean_ms,p50_ms,p90_ms,p99_ms,p999_ms,max_ms,lag_p99_ms\n");
        foreach (ScenarioResult scenario in report.Scenarios)
        {
            // Of the whole run: intervals do not keep it apart.
            double lag = scenario.Lag.Count > 0 ? scenario.Lag.ToHistogram().Nanoseconds(0.99) / 1e6 : double.NaN;
            foreach (IntervalTally interval in scenario.Intervals)
            {
                LatencyHistogram latency = interval.Latency.ToHistogram();
                double start = interval.Index * scenario.IntervalSeconds;
                double length = scenario.IntervalSeconds;
                Line(
                    csv, scenario.Name, start, start < scenario.WarmUpSeconds ? 1 : 0, interval.Offered / length, interval.Answered / length, interval.InTime / length, interval.Refused / length, interval.Failed / length,
                    Known(latency.Mean / 1e6), Known(latency.Nanoseconds(0.5) / 1e6), Known(latency.Nanoseconds(0.9) / 1e6), Known(latency.Nanoseconds(0.99) / 1e6), Known(latency.Nanoseconds(0.999) / 1e6), Known(latency.Max / 1e6), lag);

                // Where nothing was answered there is no latency, which is not one of 0.
                double Known(double milliseconds) => latency.Count > 0 ? milliseconds : double.NaN;
            }
        }

        return csv.ToString();
    }

    /// <summary>Empty where more was never answered.</summary>
    private static double Beyond(double milliseconds) => milliseconds > 0 ? milliseconds : double.NaN;

    private static void Line(StringBuilder csv, string name, params ReadOnlySpan<double> values)
    {
        csv.Append(name.AsSpan().IndexOfAny(",\"\n") >= 0 ? $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : name);
        foreach (double value in values)
        {
            csv.Append(',');
            if (double.IsFinite(value)) csv.Append(value.ToString("0.######", CultureInfo.InvariantCulture));
        }

        csv.Append('\n');
    }
}
