using System.Buffers;
using System.IO.Pipelines;
using Gateway.Core.Models.Repository;
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
    /// <param name="large">Lets in those that have more than other messages may; null where there are none.</param>
    /// <param name="isStream">Whether the client may take its time between messages.</param>
    /// <returns>Null when the client has ended the call instead, or the read was cancelled.</returns>
    /// <exception cref="GrpcException">It is none, too large, too slow, or the call's time is over.</exception>
    public static async ValueTask<T?> ReadAsync<T>(GrpcCall call, MessageParser<T> parser, long most = MostBytes, bool isStream = false, LargeLoads? large = null)
        where T : IMessage<T>
    {
        call.Reader.Most = Math.Min(call.Reader.Most, most);
        while (true)
        {
            ReadResult result = await call.ReadAsync(isStream).ConfigureAwait(false);
            call.EndRead();
            if (result.IsCanceled) return default;
            ReadOnlySequence<byte> buffer = result.Buffer;
            try
            {
                if (call.Reader.TryRead(ref buffer, out ReadOnlySpan<byte> message, firstTensor: null))
                {
                    if (message.Length > LargeLoads.FromBytes && large is not null)
                    {
                        large.Enter();
                        call.Large = large;
                    }

                    T parsed = parser.ParseFrom(message);
                    TextCheck.Check(message, parsed.Descriptor);
                    call.Reader.Release();
                    if (!isStream && !buffer.IsEmpty) throw Several();
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

    /// <summary>Sends a message and waits until it is taken.</summary>
    public static ValueTask SendAsync(GrpcCall call, IMessage message) => call.FlushAsync(Write(call, message));

    /// <summary>Writes a message into the connection's buffers.</summary>
    /// <returns>Its bytes.</returns>
    public static int Write(GrpcCall call, IMessage message)
    {
        int bytes = message.CalculateSize();
        MessagePrefix.Write(call.Output, isCompressed: false, bytes);
        message.WriteTo(call.Output);
        call.HasMessages = true;
        return MessagePrefix.Bytes + bytes;
    }

    public static GrpcException Several() => new(GrpcStatus.Internal, "The call has more than one message");

    public static GrpcException Incomplete() => new(GrpcStatus.Internal, "The call ended before its message was whole");
}
