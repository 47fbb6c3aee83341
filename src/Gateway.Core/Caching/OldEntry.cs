using Gateway.Core.Caching.Storage;

namespace Gateway.Core.Caching;

/// <summary>What the store has under the key of an entry that is appended.</summary>
/// <param name="Address">Where it is.</param>
/// <param name="Bytes">How long it is; 0 for nothing, below where nobody has looked.</param>
internal readonly record struct OldEntry(long Address, int Bytes)
{
    public static OldEntry None => default;

    /// <summary>What a look-up that found nothing of use has seen.</summary>
    public static OldEntry Of(in StoredEntry stale) => new(stale.Bytes > 0 ? stale.Address : 0, stale.Bytes);

    /// <summary>To be looked for wherever it may be: what is appended may be older.</summary>
    public static OldEntry Unknown => new(0, -1);

    /// <summary>To be looked for in memory alone: what is appended is younger, and no disk is waited for to count it out.</summary>
    public static OldEntry Unread => new(0, -2);
}
