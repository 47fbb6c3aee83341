using Gateway.Protocol.Http2;

namespace Gateway.Load.Carriers.Http2;

/// <summary>Frames of HTTP/2 in what a connection has to send.</summary>
internal static class FrameOutput
{
    extension(FrameHeader)
    {
        /// <summary>Appends a whole frame without padding.</summary>
        /// <returns>Where its payload goes.</returns>
        public static Span<byte> Append(OutputBuffer output, FrameType type, byte flags, int stream, int payloadBytes)
        {
            Span<byte> frame = output.Append(FrameHeader.Bytes + payloadBytes);
            new FrameHeader(payloadBytes, type, flags, stream).Write(frame);
            return frame[FrameHeader.Bytes..];
        }
    }
}
