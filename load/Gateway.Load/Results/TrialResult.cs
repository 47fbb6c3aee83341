using System.Text.Json.Serialization;
using Gateway.Load.Machine;

namespace Gateway.Load.Results;

/// <summary>A stretch of load at one rate.</summary>
/// <param name="Rate">Calls a second offered; 0 in the closed model.</param>
/// <param name="Throughput">Answers a second.</param>
/// <param name="Goodput">Answers a second within the objective.</param>
/// <param name="ErrorShare">Of the calls: errors, refusals, calls not sent.</param>
/// <param name="Holds">Whether the objective held.</param>
/// <param name="IsCurve">Whether it was measured for the curve alone.</param>
internal sealed record TrialResult(double Rate, double Throughput, double Goodput, double P50Milliseconds, double P90Milliseconds, double P99Milliseconds, double P999Milliseconds, double ErrorShare, bool Holds, bool IsCurve)
{
    /// <summary>That counted.</summary>
    public double Seconds { get; init; }

    /// <summary>The objective's percentile lies from here, with 95 % of certainty, in milliseconds; -1 beyond what was answered.</summary>
    public double ObjectiveLeast { get; init; }

    /// <summary>To here.</summary>
    public double ObjectiveMost { get; init; }

    /// <summary>How late the client was to send, 99 % of the time.</summary>
    public double LagP99Milliseconds { get; init; }

    /// <summary>Likewise at the objective's percentile.</summary>
    public double LagMilliseconds { get; init; }

    /// <summary>At the objective's percentile; 0 where too many have no answer.</summary>
    public double ObjectiveMilliseconds { get; init; }

    public double ServerCpuCores { get; init; } = -1;

    public double BatchRows { get; init; }

    public double QueueMilliseconds { get; init; }

    /// <summary>Of their time that model instances run, 0 to 1; where their number is not known, how many do on the average.</summary>
    public double InstancesBusy { get; init; }

    /// <summary>Model instances; 0 where it is not known.</summary>
    public int Instances { get; init; }

    /// <summary>Whether <see cref="InstancesBusy"/> was estimated from what requests saw, which may be too much.</summary>
    public bool IsBusyEstimate { get; init; }

    public double ClientBusy { get; init; }

    /// <summary>Of the client.</summary>
    public int Connections { get; init; }

    /// <summary>Most calls that waited for one of them at a time, of one thread.</summary>
    public int MostWaiting { get; init; }

    /// <summary>Who had the machine's CPUs; null where the server is on another one, and in reports that do not say.</summary>
    public Interference? Machine { get; init; }

    /// <summary>Whether others were in the way, so that a miss may be theirs.</summary>
    [JsonIgnore]
    public bool IsDisturbed => Machine is { IsDisturbed: true };

    /// <summary>Whether all providers that run the model do so on the CPU.</summary>
    public bool RunsOnCpu { get; init; }

    /// <summary>Why it was ended early; null when it was not.</summary>
    public string? Hopeless { get; init; }
}
