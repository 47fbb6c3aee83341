namespace Gateway.Server.Grpc.Http2;

/// <summary>A peer breaks the protocol so that the whole connection has to be given up.</summary>
/// <param name="code">One of <see cref="Protocol.Http2.ErrorCodes"/>.</param>
internal sealed class Http2Exception(uint code, string message) : Exception(message)
{
    public uint Code => code;
}
