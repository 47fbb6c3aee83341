using System.Buffers;
using System.IO.Compression;
using Gateway.Core.Memory;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.Server.Calls;
using Gateway.Server.Grpc.Wire;
using Gateway.Server.OpenInference;

namespace Gateway.Server.Grpc.Inference;

/// <summary>Writes answers to inferences as messages, compressed where the server is set to and the client takes it.</summary>
/// <param name="mostBytes">What a message's length, and a client, can take.</param>
internal sealed class AnswerWriter(BlockPool pool, GrpcOptions options, long mostBytes = int.MaxValue)
{
    // Kestrel's own smallest piece of a connection's memory; more would be put together elsewhere, and copied.
    private const int MostAtOnce = 4096;

    private readonly CompressionLevel _level = options.Compression switch
    {
        ResponseCompression.High => CompressionLevel.SmallestSize,
        ResponseCompression.Medium => CompressionLevel.Optimal,
        _ => CompressionLevel.Fastest,
    };

    /// <summary>Chooses how a call's answers are compressed, and says so in its headers.</summary>
    public ContentCoding Choose(GrpcCall call)
    {
        if (options.Compression == ResponseCompression.None) return ContentCoding.Identity;
        ContentCoding coding = MessageCoding.Choose(call.Headers[MessageCoding.AcceptHeader].ToString());
        if (coding != ContentCoding.Identity) call.ResponseHeaders[MessageCoding.EncodingHeader] = Compression.Name(coding);
        return coding;
    }

    /// <summary>Writes the answer of a direct call with its prefix, where it is sent from.</summary>
    /// <exception cref="InferenceException">As below, or there is no memory to put it aside in.</exception>
    public void Write(GrpcCall call, InferenceRequest request, ContentCoding coding)
    {
        long message = InferAnswer.Bytes(request, call.Plan, isStreamed: false);
        if (message > mostBytes) throw TooLarge(message);
        if (coding == ContentCoding.Identity)
        {
            Span<byte> room = call.Stream.Room(MessagePrefix.Bytes + message);
            MessagePrefix.Write(room, isCompressed: false, message);
            SpanWriter writer = new(room[MessagePrefix.Bytes..]);
            WriteMessage(ref writer, request, call.Plan, isStreamed: false, message);
            return;
        }

        TextBuffer compressed = new(pool);
        try
        {
            Compress(compressed, request, call.Plan, isStreamed: false, message, coding);
            Span<byte> room = call.Stream.Room(MessagePrefix.Bytes + compressed.Length);
            MessagePrefix.Write(room, isCompressed: true, compressed.Length);
            compressed.Written.CopyTo(room[MessagePrefix.Bytes..]);
        }
        finally
        {
            compressed.Clear();
        }
    }

    /// <summary>Writes one answer with its prefix.</summary>
    /// <returns>Its bytes.</returns>
    /// <exception cref="InferenceException">It is larger than a message can be, or there is no memory to compress it in.</exception>
    public long Write(IBufferWriter<byte> to, InferenceRequest request, AnswerPlan plan, bool isStreamed, ContentCoding coding)
    {
        long response = InferAnswer.Bytes(request, plan, isStreamed);
        long message = isStreamed ? InferAnswer.Wrapped(response) : response;
        if (message > mostBytes) throw TooLarge(message);
        if (coding == ContentCoding.Identity)
        {
            if (MessagePrefix.Bytes + message <= MostAtOnce) WriteAtOnce(to, request, plan, isStreamed, response, (int)message);
            else WriteInPieces(to, request, plan, isStreamed, response, message);
            return MessagePrefix.Bytes + message;
        }

        TextBuffer compressed = new(pool);
        try
        {
            Compress(compressed, request, plan, isStreamed, response, coding);
            MessagePrefix.Write(to, isCompressed: true, compressed.Length);
            to.Write(compressed.Written);
            return MessagePrefix.Bytes + compressed.Length;
        }
        finally
        {
            compressed.Clear();
        }
    }

    private void Compress(TextBuffer to, InferenceRequest request, AnswerPlan plan, bool isStreamed, long response, ContentCoding coding)
    {
        TextBuffer plain = new(pool);
        try
        {
            WriteMessage(ref plain, request, plan, isStreamed, response);
            using Stream stream = Compression.Compress(coding, to, _level);
            stream.Write(plain.Written);
        }
        finally
        {
            plain.Clear();
        }
    }

    private InferenceException TooLarge(long message) => Errors.Invalid($"Response has byte size {message} which exceeds gRPC's byte size limit {mostBytes}.");

    /// <summary>Asks for room once: the connection's writer takes a lock each time.</summary>
    private static void WriteAtOnce(IBufferWriter<byte> to, InferenceRequest request, AnswerPlan plan, bool isStreamed, long response, int message)
    {
        Span<byte> room = to.GetSpan(MessagePrefix.Bytes + message);
        MessagePrefix.Write(room, isCompressed: false, message);
        SpanWriter writer = new(room.Slice(MessagePrefix.Bytes, message));
        WriteMessage(ref writer, request, plan, isStreamed, response);
        to.Advance(MessagePrefix.Bytes + writer.Written);
    }

    private static void WriteInPieces(IBufferWriter<byte> to, InferenceRequest request, AnswerPlan plan, bool isStreamed, long response, long message)
    {
        MessagePrefix.Write(to, isCompressed: false, message);
        WriteMessage(ref to, request, plan, isStreamed, response);
    }

    private static void WriteMessage<TWriter>(scoped ref TWriter to, InferenceRequest request, AnswerPlan plan, bool isStreamed, long response)
        where TWriter : IBufferWriter<byte>, allows ref struct
    {
        if (isStreamed) InferAnswer.WriteWrapper(ref to, response);
        InferAnswer.Write(ref to, request, plan, isStreamed);
    }
}
