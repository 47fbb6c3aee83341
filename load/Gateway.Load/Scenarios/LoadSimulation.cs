using static System.FormattableString;

namespace Gateway.Load.Scenarios;

/// <summary>One stretch of load.</summary>
/// <param name="Seconds">How long it lasts, above 0.</param>
internal sealed record LoadSimulation(SimulationKind Kind, double Seconds)
{
    /// <summary>Arrivals a second: of <c>Inject</c>, at the end of <c>RampingInject</c>, at most of <c>InjectRandom</c>.</summary>
    public double Rate { get; init; }

    /// <summary>Least arrivals a second of <c>InjectRandom</c>.</summary>
    public double MinRate { get; init; }

    /// <summary>How long <c>InjectRandom</c> keeps a rate, seconds.</summary>
    public double IntervalSeconds { get; init; } = 1;

    /// <summary>Copies of <c>KeepConstant</c>, and at the end of <c>RampingConstant</c>.</summary>
    public int Copies { get; init; }

    public ArrivalKind Arrivals { get; init; }

    /// <summary>Arrivals of one burst, at least 1.</summary>
    public int Burst { get; init; } = 1;

    /// <summary>When the arrivals of <c>Replay</c> are, in seconds, ascending.</summary>
    public IReadOnlyList<double> Times { get; init; } = [];

    /// <summary>The most arrivals a second that it asks for; of <c>Replay</c> in any second of it, or in all of it where it is shorter. 0 in the closed model.</summary>
    public double HighestRate => Kind == SimulationKind.Replay ? MostInASecond() : Rate;

    public bool IsOpen => Kind is SimulationKind.Inject or SimulationKind.InjectRandom or SimulationKind.RampingInject or SimulationKind.Replay;

    public bool IsClosed => Kind is SimulationKind.KeepConstant or SimulationKind.RampingConstant;

    private double MostInASecond()
    {
        double second = Math.Min(1, Seconds);
        int most = 0;
        int first = 0;
        for (int last = 0; last < Times.Count && Times[last] < Seconds; last++)
        {
            while (Times[last] - Times[first] >= second) first++;
            most = Math.Max(most, last - first + 1);
        }

        return most / second;
    }

    /// <summary>For people.</summary>
    public override string ToString()
    {
        string arrivals = Arrivals switch
        {
            ArrivalKind.Constant => "evenly",
            ArrivalKind.Burst => $"in bursts of {Burst}",
            _ => "at random times (Poisson)",
        };
        return Kind switch
        {
            SimulationKind.Inject => Invariant($"Inject {Rate:0.###}/s {arrivals} for {Seconds:0.###} s"),
            SimulationKind.InjectRandom => Invariant($"InjectRandom {MinRate:0.###} to {Rate:0.###}/s {arrivals} for {Seconds:0.###} s"),
            SimulationKind.RampingInject => Invariant($"RampingInject to {Rate:0.###}/s {arrivals} in {Seconds:0.###} s"),
            SimulationKind.KeepConstant => Invariant($"KeepConstant {Copies} copies for {Seconds:0.###} s (closed)"),
            SimulationKind.RampingConstant => Invariant($"RampingConstant to {Copies} copies in {Seconds:0.###} s (closed)"),
            SimulationKind.Replay => Invariant($"Replay {Times.Count} recorded arrivals in {Seconds:0.###} s"),
            _ => Invariant($"Pause {Seconds:0.###} s"),
        };
    }
}
