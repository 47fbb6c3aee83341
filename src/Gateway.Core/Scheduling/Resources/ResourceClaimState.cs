namespace Gateway.Core.Scheduling.Resources;

/// <summary>Where a claim stands.</summary>
internal enum ResourceClaimState
{
    /// <summary>Its instance has nothing to do.</summary>
    Resting,

    /// <summary>It is in the line.</summary>
    Waiting,

    /// <summary>It has its resources.</summary>
    Held,

    /// <summary>Its instance has ended.</summary>
    Gone,
}
