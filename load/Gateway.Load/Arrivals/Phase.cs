using Gateway.Load.Scenarios;

namespace Gateway.Load.Arrivals;

/// <summary>A stretch in which the rate, or the number of copies, goes evenly from one value to another.</summary>
/// <param name="Start">Seconds from the start of the scenario.</param>
/// <param name="Burst">Arrivals at each moment.</param>
/// <param name="Times">Recorded arrivals, seconds from <paramref name="Start"/>; null where they are made.</param>
internal readonly record struct Phase(double Start, double End, double FromRate, double ToRate, int FromCopies, int ToCopies, ArrivalKind Arrivals, int Burst, IReadOnlyList<double>? Times)
{
    /// <summary>Lays simulations one after another.</summary>
    public static IReadOnlyList<Phase> From(IReadOnlyList<LoadSimulation> simulations, int seed)
    {
        List<Phase> phases = [];
        Random random = new(seed);
        double start = 0;
        double rate = 0;
        int copies = 0;
        foreach (LoadSimulation each in simulations)
        {
            double end = start + each.Seconds;
            Phase phase = new(start, end, 0, 0, 0, 0, each.Arrivals, each.Arrivals == ArrivalKind.Burst ? each.Burst : 1, null);
            switch (each.Kind)
            {
                case SimulationKind.Inject:
                    phases.Add(phase with { FromRate = each.Rate, ToRate = each.Rate });
                    break;
                case SimulationKind.RampingInject:
                    phases.Add(phase with { FromRate = rate, ToRate = each.Rate });
                    break;
                case SimulationKind.InjectRandom:
                    for (double at = start; at < end; at += each.IntervalSeconds)
                    {
                        double drawn = each.MinRate + (random.NextDouble() * (each.Rate - each.MinRate));
                        phases.Add(phase with { Start = at, End = Math.Min(end, at + each.IntervalSeconds), FromRate = drawn, ToRate = drawn });
                    }

                    break;
                case SimulationKind.KeepConstant:
                    phases.Add(phase with { FromCopies = each.Copies, ToCopies = each.Copies });
                    break;
                case SimulationKind.RampingConstant:
                    phases.Add(phase with { FromCopies = copies, ToCopies = each.Copies });
                    break;
                case SimulationKind.Replay:
                    phases.Add(phase with { Times = each.Times });
                    break;
                default:
                    phases.Add(phase);
                    break;
            }

            rate = each.IsOpen ? phases[^1].ToRate : 0;
            copies = each.IsClosed ? each.Copies : 0;
            start = end;
        }

        return phases;
    }

    /// <summary>When, within the phase, so many arrivals are to have come: the inverse of the rate's integral.</summary>
    /// <returns>Seconds from the start of the scenario; beyond <see cref="End"/>, or infinity, when they come to fewer.</returns>
    public double When(double arrivals)
    {
        double slope = (ToRate - FromRate) / (End - Start);
        double root = (FromRate * FromRate) + (2 * slope * arrivals);

        // Written so that neither a slope near nothing nor a rate of nothing at the start loses digits.
        double divisor = FromRate + Math.Sqrt(Math.Max(0, root));
        return root < 0 || divisor <= 0 ? double.PositiveInfinity : Start + (2 * arrivals / divisor);
    }

    /// <param name="seconds">Within the phase.</param>
    public int CopiesAt(double seconds) => FromCopies + (int)Math.Round((ToCopies - FromCopies) * (seconds - Start) / (End - Start));
}
