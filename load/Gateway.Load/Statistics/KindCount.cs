namespace Gateway.Load.Statistics;

/// <summary>How often one kind of failure came.</summary>
/// <param name="Kind">Such as <c>503 queue_full</c>, <c>connection broken</c>.</param>
/// <param name="IsRefusal">Whether the server refused; else something went wrong.</param>
/// <param name="Sample">The text of the first one.</param>
internal sealed record KindCount(string Kind, bool IsRefusal, long Count, string Sample)
{
    /// <summary>Adds up those of the same kind; the most frequent first.</summary>
    public static IReadOnlyList<KindCount> Merge(IEnumerable<KindCount> kinds) =>
        [.. kinds.GroupBy(kind => (kind.Kind, kind.IsRefusal)).Select(group => group.First() with { Count = group.Sum(kind => kind.Count) }).OrderByDescending(kind => kind.Count)];
}
