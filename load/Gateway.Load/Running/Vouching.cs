using Gateway.Load.Results;
using Gateway.Load.Scenarios;

namespace Gateway.Load.Running;

/// <summary>Says whether a result is the server's or the client's own.</summary>
internal static class Vouching
{
    private const double LagShare = 0.1;
    private const double Busy = 0.95;

    // In the closed model: so near to what the client does against nothing, the server is not what limits.
    private const double NullShare = 0.85;

    // So much of the room that connections have was taken on the average: for most calls there was none.
    private const double FullShare = 0.9;

    // An answer that came so much sooner after sending than after it was due: the difference is more than its rounding.
    private const double WaitShare = 0.9;

    // The first answers for payloads, which there are in every run, are fewer.
    private const double ShapeShare = 0.05;

    // Fewer retries than this are not in the p99.
    private const double RetryShare = 0.01;

    /// <param name="claim">The percentile up to which latencies are to be the server's: <see cref="ScenarioPlan.Claim"/>.</param>
    /// <returns>Why it cannot be vouched for; null when it can.</returns>
    public static string? Doubt(ScenarioResult result, double claim = ScenarioPlan.LeastClaim)
    {
        if (result.Answered == 0) return null;
        double lag = result.Lag.ToHistogram().Microseconds(claim);
        double allowed = Math.Max(ClientProof.AllowedLag(result), LagShare * result.Latency.ToHistogram().Microseconds(claim));
        if (result.IsOpen && lag > allowed)
        {
            return $"{result.Name}: the client fell behind: {Quantity.Share(1 - claim)} of the calls were sent more than {Quantity.Seconds(lag / 1e6)} late (at most {Quantity.Seconds(allowed / 1e6)} can be vouched for)";
        }

        if (result.ClientBusy > Busy) return $"{result.Name}: a thread of the client was busy {Quantity.Share(result.ClientBusy)} of the time: it, not the server, is the limit; give it more threads or cores (--threads)";
        if (UnderWay(result) is var underWay && underWay >= FullShare * result.Connections * result.Window)
        {
            return $"{result.Name}: {Quantity.Number(underWay)} calls were under way on the average, and {result.Connections} connections have room for {Quantity.Number((double)result.Connections * result.Window)}: they, not the server, may be the limit; give the client more (--connections)";
        }

        return !result.IsOpen && result.Proof is { Rate: > 0 } proof && result.Throughput > NullShare * proof.Rate
            ? $"{result.Name}: {Quantity.Number(result.Throughput)}/s is near the {Quantity.Number(proof.Rate)}/s that the client makes against a server that does nothing"
            : null;
    }

    /// <summary>What is worth knowing though the figures stand.</summary>
    public static IEnumerable<string> Notes(ScenarioResult result)
    {
        double lag = result.Lag.ToHistogram().Microseconds(0.99);
        double p99 = result.Latency.ToHistogram().Microseconds(0.99);
        if (result.IsOpen && result.Answered > 0 && lag > LagShare * p99) yield return $"{result.Name}: 1 % of the calls were sent more than {Quantity.Seconds(lag / 1e6)} late, more than a tenth of the p99 of {Quantity.Seconds(p99 / 1e6)}: so much of the latencies is the client's";
        if (result.ConnectionsUp > 0 && result.ConnectionsUp < result.Connections) yield return $"{result.Name}: of {result.Connections} connections at most {result.ConnectionsUp} were up at a time";
        if (result.Answered == 0 && result.Offered > 0) yield return $"{result.Name}: no call was answered";
        if (result.NotSent > 0) yield return $"{result.Name}: {Quantity.Number(result.NotSent)} calls were never sent: none of {result.Connections} connections had room for them in time, and up to {Quantity.Number(result.MostWaiting)} waited";
        else if (Wait(result) is { } wait) yield return wait;
        else if (result.IsOpen && result.MostWaiting > Math.Max(1000, result.Connections)) yield return $"{result.Name}: up to {Quantity.Number(result.MostWaiting)} calls waited in the client for one of {result.Connections} connections; their wait is in the latencies";
        if (result.CutOff > 0) yield return $"{result.Name}: {Quantity.Number(result.CutOff)} calls had no answer yet when it was stopped, the oldest {Quantity.Seconds(result.OldestCutOffSeconds)} after it was due; they are in none of the figures";
        if (result.VerifiedByShape > ShapeShare * result.Verified) yield return $"{result.Name}: {Quantity.Number(result.VerifiedByShape)} of {Quantity.Number(result.Verified)} answers that were checked were compared with no earlier one, for they were the first for their payload or there was no room to keep that: checked by type and shape alone";
        if (result.Wrong > 0) yield return $"{result.Name}: {Quantity.Number(result.Wrong)} of {Quantity.Number(result.Verified)} answers were wrong";
    }

    /// <summary>Whether a call costs the client more CPU than the server, of all scenarios together; null where it does not, or nobody knows.</summary>
    public static string? Dearer(IReadOnlyList<ScenarioResult> results, ServerResult? server)
    {
        double sent = results.Sum(result => (double)result.Sent);
        double rate = results.Sum(result => result.Seconds > 0 ? (result.Offered - result.NotSent) / result.Seconds : 0);
        if (server is not { CpuCores: > 0 } || sent == 0 || rate == 0) return null;
        double client = results.Sum(result => result.ClientCpuSeconds) / sent;
        double ofServer = server.CpuCores / rate;
        return client > ofServer ? $"a call costs the client {Quantity.Seconds(client)} of CPU and the server {Quantity.Seconds(ofServer)}: the client must be cheaper than the server it measures, or it is the limit" : null;
    }

    /// <summary>Calls sent and not answered, on the average, by Little's law: the rate of the answers times how long each took from sending; negative where the connections were not what calls waited for, or nobody can say.</summary>
    private static double UnderWay(ScenarioResult result)
    {
        // Copies of the closed model fill their connections as they should, and of several steps each is on them for itself.
        bool isKnown = result is { IsOpen: true, MostWaiting: > 0, Window: > 0, Steps.Count: 1, Service.Count: > 0 };
        return isKnown ? result.Throughput * result.Service.Sum / result.Service.Count / 1e9 : -1;
    }

    /// <summary>What calls waited for a connection, where that is what their slowest waited for; null where it is not.</summary>
    private static string? Wait(ScenarioResult result)
    {
        // Between the attempts of a call that was refused it waits for the server.
        if (result.MostWaiting == 0 || result.Steps.Count != 1 || result.Retries > RetryShare * result.Answered) return null;
        double service = result.Service.ToHistogram().Nanoseconds(0.99) / 1e9;
        double latency = result.Latency.ToHistogram().Nanoseconds(0.99) / 1e9;
        return service < WaitShare * latency
            ? $"{result.Name}: 99 % were answered within {Quantity.Seconds(service)} of being sent, but within {Quantity.Seconds(latency)} of when they were due: up to {Quantity.Number(result.MostWaiting)} calls waited in the client for one of {result.Connections} connections, which is in the latencies; more of them (--connections) show what the server does"
            : null;
    }
}
