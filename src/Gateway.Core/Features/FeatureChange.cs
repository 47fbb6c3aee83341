namespace Gateway.Core.Features;

/// <summary>What a call changed in a view.</summary>
/// <param name="Created">Rows of keys that had none.</param>
/// <param name="Replaced">Rows that took the place of others.</param>
/// <param name="Deleted">Rows that are gone.</param>
public readonly record struct FeatureChange(long Created, long Replaced, long Deleted);
