namespace Gateway.Load.Results;

/// <summary>Machines like the one measured that carry a rate.</summary>
/// <param name="Rate">Calls a second in all.</param>
/// <param name="Headroom">Share of each one's knee that stays free.</param>
/// <param name="Machines">By the median of the knees.</param>
/// <param name="Least">By the highest of them.</param>
/// <param name="Most">By the lowest.</param>
/// <param name="IsAtMost">Whether the knee is at least what was measured, so that fewer may do.</param>
internal sealed record MachinePlan(double Rate, double Headroom, int Machines, int Least, int Most, bool IsAtMost)
{
    // One may fail, or be replaced, while the others carry all.
    private const int Spare = 1;

    /// <summary>For people.</summary>
    public string Text
    {
        get
        {
            string spread = Least == Most ? "" : $" ({Quantity.Number(Least)} to {Quantity.Number(Most)} by the spread)";
            return $"{(IsAtMost ? "at most " : "")}{Quantity.Number(Machines)} {(Machines == 1 ? "machine" : "machines")}{spread}, +{Spare} spare";
        }
    }
}
