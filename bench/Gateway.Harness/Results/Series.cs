using System.Globalization;

namespace Gateway.Harness.Results;

/// <summary>One figure, once a round.</summary>
/// <param name="Name">Whose or what it is.</param>
/// <param name="Unit">Unit, for people; empty for a ratio.</param>
/// <param name="Rounds">The value of each round, in order.</param>
internal sealed record Series(string Name, string Unit, IReadOnlyList<double> Rounds)
{
    public double Median
    {
        get
        {
            double[] sorted = [.. Rounds.Order()];
            return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
        }
    }

    public double Min => Rounds.Min();

    public double Max => Rounds.Max();

    /// <summary>Round by round <paramref name="above"/> ÷ <paramref name="below"/>: rounds next to each other see the same machine.</summary>
    public static Series Ratio(Series above, Series below) =>
        new($"{above.Name} ÷ {below.Name}", "", [.. above.Rounds.Zip(below.Rounds, (numerator, denominator) => numerator / denominator)]);

    public override string ToString() => FormattableString.Invariant($"{Text(Median)}{(Unit.Length > 0 ? " " + Unit : "")} [{Text(Min)} … {Text(Max)}]");

    private static string Text(double value) => value.ToString(Math.Abs(value) >= 1000 ? "N0" : "0.###", CultureInfo.InvariantCulture);
}
