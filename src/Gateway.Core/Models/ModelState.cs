namespace Gateway.Core.Models;

/// <summary>Where a model version is in its life; the names are those of Triton's repository index.</summary>
public enum ModelState
{
    Unknown,
    Ready,

    /// <summary>It could not be loaded, or has been unloaded; the reason says which.</summary>
    Unavailable,
    Loading,
    Unloading,
}
