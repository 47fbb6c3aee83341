namespace Gateway.Load.Statistics;

/// <summary>How often one kind of failure came.</summary>
/// <param name="Kind">Such as <c>503 queue_full</c>, <c>connection broken</c>.</param>
/// <param name="IsRefusal">Whether the server refused; else something went wrong.</param>
/// <param name="Sample">The text of the first one.</param>
internal sealed record KindCount(string Kind, bool IsRefusal, long Count, string Sample);
