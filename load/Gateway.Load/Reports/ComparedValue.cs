namespace Gateway.Load.Reports;

/// <summary>One figure of two runs, for people.</summary>
/// <param name="Change">Relative; empty where it has no meaning.</param>
/// <param name="IsSame">Whether the two are the same within 2 %.</param>
/// <param name="IsBetter">Null where the two are the same, one of them is not there, or neither way is better.</param>
internal sealed record ComparedValue(string Name, string Before, string After, string Change, bool IsSame, bool? IsBetter);
