namespace Gateway.Core.Caching.Entries;

/// <summary>What was not taken from a file.</summary>
/// <param name="Broken">How many that began like an entry were not whole.</param>
/// <param name="TooLarge">How many were longer than an entry may be by now; whether they are whole has not been looked at.</param>
internal readonly record struct ScanOutcome(long Broken, long TooLarge)
{
    /// <summary>All of them.</summary>
    public long Lost => Broken + TooLarge;
}
