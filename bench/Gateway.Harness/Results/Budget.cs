namespace Gateway.Harness.Results;

/// <summary>What a figure is allowed to be.</summary>
/// <param name="Limit">The bound.</param>
/// <param name="IsFloor">Whether more is better.</param>
internal sealed record Budget(double Limit, bool IsFloor)
{
    public static Budget AtLeast(double limit) => new(limit, true);

    public static Budget AtMost(double limit) => new(limit, false);

    public bool IsMetBy(double value) => IsFloor ? value >= Limit : value <= Limit;

    public override string ToString() => FormattableString.Invariant($"{(IsFloor ? "≥" : "≤")} {Limit:0.##}");
}
