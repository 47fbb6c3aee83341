using Gateway.Server.Hosting;

namespace Gateway.Server.Grpc;

/// <summary>Settings of gRPC.</summary>
public sealed record GrpcOptions
{
    /// <summary>Largest size of one memory block, and so of one message.</summary>
    public const long MostMessageBytes = 1L << 30;

    /// <summary>Most bytes of one message, compressed and decompressed alike: 1 to 1 GiB.</summary>
    public long MaxMessageBytes { get; init; } = MostMessageBytes;

    /// <summary>Most bytes that the requests and answers of one stream hold before it is not read any more; one request is always let in.</summary>
    public long StreamBytes { get; init; } = 64L << 20;

    /// <summary>Most requests of one stream in flight, at least 1. Four batches of 64: one runs, one is gathered, and as many are on their way in either direction.</summary>
    public int StreamWindow { get; init; } = 256;

    /// <summary>How much effort goes into compressing answers to inferences, for clients that take them so.</summary>
    public ResponseCompression Compression { get; init; }

    /// <summary>Most bytes of a load request: those that may bring files are as large as tensors.</summary>
    public long MaxLoadBytes { get; init; } = GrpcMessages.MostBytes;

    /// <summary>Which methods ask for metadata with a certain value.</summary>
    public RestrictedAccess Restricted { get; init; } = RestrictedAccess.None;

    /// <summary>What clients have to show in <c>authorization</c>; null when anybody may come.</summary>
    public string? AccessToken { get; init; }
}
