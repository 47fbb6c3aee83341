using System.Buffers;
using System.IO.Pipelines;
using Gateway.Protocol.Http2;

namespace Gateway.Server.Grpc.Http2;

/// <summary>The first bytes of a connection.</summary>
internal static class Handshake
{
    private const string Text = "An HTTP/1.x request was sent to an HTTP/2 only endpoint.";

    private static readonly byte[] Http1Answer = System.Text.Encoding.ASCII.GetBytes(
        $"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {Text.Length}\r\nConnection: close\r\n\r\n{Text}");

    /// <summary>Waits for the client's preface; what speaks HTTP/1.1 is told that it must not.</summary>
    /// <param name="mustEnd">Whether not to wait any more, when the read is cancelled.</param>
    /// <returns>False when the connection is to be closed.</returns>
    /// <exception cref="Http2Exception">What comes is neither.</exception>
    public static async ValueTask<bool> AwaitAsync(PipeReader input, PipeWriter output, Func<bool> mustEnd)
    {
        while (true)
        {
            ReadResult result = await input.ReadAsync().ConfigureAwait(false);
            ReadOnlySequence<byte> buffer = result.Buffer;
            bool? isOurs = Look(buffer);
            input.AdvanceTo(isOurs == true ? buffer.GetPosition(ClientPreface.Bytes.Length) : buffer.Start, isOurs == true ? buffer.GetPosition(ClientPreface.Bytes.Length) : buffer.End);
            if (isOurs == true) return true;
            if (isOurs == false)
            {
                await output.WriteAsync(Http1Answer).ConfigureAwait(false);
                return false;
            }

            if (result.IsCompleted || mustEnd()) return false;
        }
    }

    /// <returns>Null while that cannot be told; false for HTTP/1.1.</returns>
    private static bool? Look(in ReadOnlySequence<byte> buffer)
    {
        Span<byte> start = stackalloc byte[ClientPreface.Bytes.Length];
        start = start[..(int)Math.Min(start.Length, buffer.Length)];
        buffer.Slice(0, start.Length).CopyTo(start);
        if (ClientPreface.Bytes.StartsWith(start)) return start.Length == ClientPreface.Bytes.Length ? true : null;

        // A method begins with capital letters.
        if (start[0] is >= (byte)'A' and <= (byte)'Z') return false;
        throw new Http2Exception(ErrorCodes.Protocol, "what was sent is no HTTP/2");
    }
}
