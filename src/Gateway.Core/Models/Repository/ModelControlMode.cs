namespace Gateway.Core.Models.Repository;

/// <summary>When models are loaded and unloaded; the names are Triton's.</summary>
public enum ModelControlMode
{
    /// <summary>Every model in the repository is loaded at start and stays.</summary>
    None,

    /// <summary>The repository is watched for changes.</summary>
    Poll,

    /// <summary>Models are loaded and unloaded on request.</summary>
    Explicit,
}
