namespace Gateway.Protocol.Http2;

/// <summary>What a client of HTTP/2 says first.</summary>
internal static class ClientPreface
{
    public static ReadOnlySpan<byte> Bytes => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;
}
