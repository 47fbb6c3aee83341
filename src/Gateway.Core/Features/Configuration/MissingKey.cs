namespace Gateway.Core.Features.Configuration;

/// <summary>What a request gets for a key that a view has no row of.</summary>
public enum MissingKey
{
    /// <summary>An error that names the key.</summary>
    Error,

    /// <summary>The view's default row.</summary>
    Default,
}
