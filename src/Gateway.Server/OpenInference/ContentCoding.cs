namespace Gateway.Server.OpenInference;

/// <summary>How a body is encoded.</summary>
internal enum ContentCoding
{
    Identity,
    Gzip,

    /// <summary>HTTP's word for the zlib format.</summary>
    Deflate,
}
