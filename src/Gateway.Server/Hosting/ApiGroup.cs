namespace Gateway.Server.Hosting;

/// <summary>Groups of endpoints that can be restricted; the names are Triton's.</summary>
public enum ApiGroup
{
    /// <summary>Of the server and of models.</summary>
    Health,
    Metadata,
    Inference,
    SharedMemory,
    ModelConfig,
    ModelRepository,
    Statistics,
    Trace,
    Logging,
}
