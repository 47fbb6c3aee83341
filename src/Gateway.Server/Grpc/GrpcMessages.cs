using System.Buffers;
using System.IO.Pipelines;
using Gateway.Server.Grpc.Wire;
using Google.Protobuf;

namespace Gateway.Server.Grpc;

/// <summary>Reads and writes messages of generated classes.</summary>
internal static class GrpcMessages
{
    /// <summary>Most bytes of a message unless its method says otherwise: its object is on the managed heap, where no ceiling holds. Other servers' default for all messages.</summary>
    public const long MostBytes = 4L << 20;

    /// <summary>Reads the next message of a call.</summary>
    /// <param name="most">Most bytes of it.</param>
    /// <returns>Null when the client has ended the call instead.</returns>
    public static async ValueTask<T?> ReadAsync<T>(GrpcCall call, MessageParser<T> parser, long most = MostBytes)
        where T : IMessage<T>
    {
        call.Reader.Most = Math.Min(call.Reader.Most, most);
        while (true)
        {
            ReadResult result = await call.Body.ReadAsync().ConfigureAwait(false);
            if (result.IsCanceled) return default;
            ReadOnlySequence<byte> buffer = result.Buffer;
            try
            {
                if (call.Reader.TryRead(ref buffer, out ReadOnlySpan<byte> message, firstTensor: null))
                {
                    T parsed = parser.ParseFrom(message);
                    call.Reader.Release();
                    return parsed;
                }

                if (!result.IsCompleted) continue;
                return buffer.IsEmpty && !call.Reader.IsMidMessage ? default : throw Incomplete();
            }
            finally
            {
                call.Body.AdvanceTo(buffer.Start, buffer.End);
            }
        }
    }

    /// <summary>Writes a message into the connection's buffers.</summary>
    public static void Write(GrpcCall call, IMessage message)
    {
        int bytes = message.CalculateSize();
        MessagePrefix.Write(call.Output, isCompressed: false, bytes);
        message.WriteTo(call.Output);
        call.HasMessages = true;
    }

    public static GrpcException Incomplete() => new(GrpcStatus.Internal, "The call ended before its message was whole");
}
