namespace Gateway.Harness.Load;

/// <summary>What clients send, whatever becomes of it.</summary>
/// <param name="PerSecond">Mean rate of new requests, all classes together.</param>
/// <param name="Classes">What they are like.</param>
internal sealed record OfferedLoad(double PerSecond, IReadOnlyList<OfferedClass> Classes)
{
    /// <summary>Seconds that bursts and the time between them last together, on the mean: a quarter of the time at 2.5 times the mean rate, the rest at half of it; 0 for none.</summary>
    public double BurstSeconds { get; init; }

    /// <summary>Attempts after a refusal, a quarter to half of the deadline later, or after a late answer, at once.</summary>
    public int Retries { get; init; }

    /// <summary>Factor on the rate by time, from 0 at the begin to 1 at the end; null for a steady one.</summary>
    public Func<double, double>? OverTime { get; init; }

    /// <summary>Part of the time, at its begin, of which nothing counts.</summary>
    public double LeadIn { get; init; } = 0.2;
}
