namespace Gateway.Core.Caching;

/// <summary>What becomes of the answer of a run.</summary>
internal enum KeptOutcome
{
    /// <summary>It is on its way into the store.</summary>
    Kept,

    /// <summary>Nobody lets it be kept.</summary>
    NotWanted,
    NotAdmitted,
    NotStored,
}
