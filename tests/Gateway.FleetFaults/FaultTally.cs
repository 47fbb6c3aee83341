using System.Collections.Concurrent;

namespace Gateway.FleetFaults;

/// <summary>What became of the requests of a <see cref="FaultRun"/>, and what was done to the gateways.</summary>
/// <remarks><b>Threading</b>: any.</remarks>
internal sealed class FaultTally
{
    // As many as anybody reads.
    private const int MostViolations = 20;

    private readonly ConcurrentQueue<string> _violations = new();

    /// <summary>Requests that were sent: each is good, refused, or lost, in the end.</summary>
    public int Sent;

    /// <summary>Answered with the right number.</summary>
    public int Good;

    /// <summary>Of those, by another gateway than the one that was asked.</summary>
    public int Elsewhere;

    /// <summary>Refused with 503 and a time to come back.</summary>
    public int Refused;

    /// <summary>Without an answer, as the gateway that was asked has been killed since: nobody else knows of them.</summary>
    public int Lost;

    /// <summary>Gateways killed.</summary>
    public int Kills;

    /// <summary>Gateways paused.</summary>
    public int Pauses;

    public IReadOnlyCollection<string> Violations => _violations;

    /// <summary>Whether there was something to find.</summary>
    public bool IsConclusive => Kills > 0 && Pauses > 0 && Elsewhere > 0;

    public void Violate(string what)
    {
        if (_violations.Count < MostViolations) _violations.Enqueue(what);
    }

    public void Check(bool isTrue, string what)
    {
        if (!isTrue) Violate(what);
    }

    public override string ToString() => $"{Kills} kills, {Pauses} pauses; {Sent} requests: {Good} answered, {Elsewhere} of them elsewhere, {Refused} refused, {Lost} lost with the gateway that was asked";
}
