namespace Gateway.Load.Results;

/// <summary>How many of one kind.</summary>
internal sealed record LabelCount(string Label, double Count);
