namespace Gateway.Protocol.Http2;

/// <summary>Why a stream or a connection was given up (RFC 9113, section 7).</summary>
internal static class ErrorCodes
{
    public const uint NoError = 0;
    public const uint Protocol = 1;
    public const uint Internal = 2;
    public const uint FlowControl = 3;
    public const uint StreamClosed = 5;
    public const uint FrameSize = 6;
    public const uint RefusedStream = 7;
    public const uint Cancel = 8;
    public const uint Compression = 9;
    public const uint EnhanceYourCalm = 11;

    private static readonly byte[][] Names =
    [
        "NO_ERROR"u8.ToArray(), "PROTOCOL_ERROR"u8.ToArray(), "INTERNAL_ERROR"u8.ToArray(), "FLOW_CONTROL_ERROR"u8.ToArray(), "SETTINGS_TIMEOUT"u8.ToArray(), "STREAM_CLOSED"u8.ToArray(),
        "FRAME_SIZE_ERROR"u8.ToArray(), "REFUSED_STREAM"u8.ToArray(), "CANCEL"u8.ToArray(), "COMPRESSION_ERROR"u8.ToArray(), "CONNECT_ERROR"u8.ToArray(), "ENHANCE_YOUR_CALM"u8.ToArray(),
        "INADEQUATE_SECURITY"u8.ToArray(), "HTTP_1_1_REQUIRED"u8.ToArray(),
    ];

    private static readonly byte[] Unknown = "UNKNOWN_ERROR"u8.ToArray();

    public static byte[] Name(uint code) => code < Names.Length ? Names[code] : Unknown;
}
