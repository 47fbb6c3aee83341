namespace Gateway.Server.Grpc;

/// <summary>How much effort goes into compressing answers; the names are Triton's.</summary>
public enum ResponseCompression
{
    None,
    Low,
    Medium,
    High,
}
