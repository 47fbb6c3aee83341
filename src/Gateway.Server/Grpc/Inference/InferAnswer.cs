using System.Buffers;
using Gateway.Core.Caching;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol.Protobuf;
using Gateway.Protocol.Tensors;
using Gateway.Server.Grpc.Wire;
using Gateway.Server.OpenInference;

namespace Gateway.Server.Grpc.Inference;

/// <summary>Writes the answer of an inference: a <c>ModelInferResponse</c>, alone or in a <c>ModelStreamInferResponse</c>.</summary>
/// <remarks><b>Cost</b>: outputs go from where the model left them into the writer's memory, copied once; no allocation.</remarks>
internal static class InferAnswer
{
    // Of ModelInferResponse.
    private const int ModelNameField = 1;
    private const int ModelVersionField = 2;
    private const int IdField = 3;
    private const int ParametersField = 4;
    private const int OutputsField = 5;
    private const int RawOutputsField = 6;

    // Of InferOutputTensor.
    private const int NameField = 1;
    private const int DataTypeField = 2;
    private const int ShapeField = 3;

    // Of ModelStreamInferResponse.
    private const int ErrorField = 1;
    private const int ResponseField = 2;

    // A prefix, the two headers of a response in a stream, and a piece of the text.
    private const int MostHeaderBytes = 64;

    /// <summary>The entry of <c>parameters</c> that says that no answer of the same request follows.</summary>
    private static ReadOnlySpan<byte> FinalResponse => "\x0A\x15triton_final_response\x12\x02\x08\x01"u8;

    /// <summary>Bytes of an answer's <c>ModelInferResponse</c>.</summary>
    /// <param name="isStreamed">Whether it is one of a stream, which says that it is the last for its request.</param>
    public static long Bytes(InferenceRequest request, AnswerPlan plan, bool isStreamed)
    {
        ServedModel model = request.Model;
        long bytes = HeadBytes(model.Name, model.VersionText, request.Id, isStreamed) + TimingBytes(request) + (isStreamed ? CacheBytes(request) : 0);
        foreach (ref readonly OutputPlan output in plan.Outputs)
        {
            bytes += ProtobufWriter.FieldSize(OutputBytes(model.Outputs[output.Index], Type(request, output), Shape(request, output)));
            bytes += ProtobufWriter.FieldSize(plan.Bytes(request, output).Length);
        }

        return bytes;
    }

    /// <summary>Bytes of the message that a response is sent in.</summary>
    public static long Wrapped(long response) => ProtobufWriter.FieldSize(response);

    /// <summary>Writes a response.</summary>
    public static void Write<TWriter>(scoped ref TWriter to, InferenceRequest request, AnswerPlan plan, bool isStreamed)
        where TWriter : IBufferWriter<byte>, allows ref struct
    {
        ServedModel model = request.Model;
        WriteHead(ref to, model.Name, model.VersionText, request.Id, isStreamed);
        if (request.Explains) WriteTiming(ref to, request);
        if (isStreamed && request.CacheOutcome != CacheOutcome.None) WriteCache(ref to, request);
        foreach (ref readonly OutputPlan output in plan.Outputs) WriteOutput(ref to, model.Outputs[output.Index], Type(request, output), Shape(request, output));
        foreach (ref readonly OutputPlan output in plan.Outputs)
        {
            ReadOnlySpan<byte> bytes = plan.Bytes(request, output);
            WriteHeader(ref to, RawOutputsField, bytes.Length);
            Copy(ref to, bytes);
        }
    }

    /// <summary>The most bytes that <see cref="WriteForwarded"/> takes.</summary>
    /// <param name="response">Bytes of the response.</param>
    public static long MostForwardedBytes(long response, string servedBy) => response + ForwardedBytes(servedBy) + MostHeaderBytes;

    /// <summary>Writes another server's answer to a request of a stream, with the prefix: its response, made the last one for its request.</summary>
    /// <param name="response">A <c>ModelInferResponse</c>, to which fields may be added at its end.</param>
    /// <param name="servedBy">The server's address; ASCII.</param>
    public static void WriteForwarded<TWriter>(scoped ref TWriter to, ReadOnlySpan<byte> response, string servedBy)
        where TWriter : IBufferWriter<byte>, allows ref struct
    {
        long bytes = response.Length + ForwardedBytes(servedBy);
        Span<byte> prefix = to.GetSpan(MessagePrefix.Bytes);
        MessagePrefix.Write(prefix, isCompressed: false, Wrapped(bytes));
        to.Advance(MessagePrefix.Bytes);
        WriteWrapper(ref to, bytes);
        Copy(ref to, response);
        ProtobufWriter writer = new(to.GetSpan((int)ForwardedBytes(servedBy)));
        writer.WriteText(ParametersField, FinalResponse);
        ResponseParameter.Write(ref writer, ServedByKey, servedBy);
        to.Advance(writer.Position);
    }

    private static ReadOnlySpan<byte> ServedByKey => "served_by"u8;

    private static long ForwardedBytes(string servedBy) => ProtobufWriter.FieldSize(FinalResponse.Length) + ResponseParameter.Bytes(ServedByKey, servedBy);

    /// <summary>Writes what stands before a response in a stream's message.</summary>
    public static void WriteWrapper<TWriter>(scoped ref TWriter to, long response)
        where TWriter : IBufferWriter<byte>, allows ref struct => WriteHeader(ref to, ResponseField, response);

    /// <summary>Writes a stream's answer to a request that failed, with the prefix.</summary>
    /// <param name="model">What ran it, or refused it; null when it did not come so far.</param>
    /// <param name="refusal">Why it was refused, if it was.</param>
    public static void WriteError(IBufferWriter<byte> to, string error, string id, ServedModel? model, in RefusalParameters refusal)
    {
        bool isFinal = model is not null;
        string name = model?.Name ?? "";
        string version = model?.VersionText ?? "";
        int errorBytes = ProtobufWriter.Utf8Size(error);
        long response = HeadBytes(name, version, id, isFinal) + refusal.Bytes;
        MessagePrefix.Write(to, isCompressed: false, ProtobufWriter.TextSize(errorBytes) + Wrapped(response));
        ProtobufWriter writer = new(to.GetSpan((int)ProtobufWriter.TextSize(errorBytes) + MostHeaderBytes));
        writer.WriteText(ErrorField, error, errorBytes);
        to.Advance(writer.Position);
        WriteWrapper(ref to, response);
        WriteHead(ref to, name, version, id, isFinal);
        refusal.Write(ref to);
    }

    private static long TimingBytes(InferenceRequest request) => request.Explains ? ResponseParameter.Bytes(ServerTiming.AnswerKey, ServerTiming.Of(request)) : 0;

    private static void WriteTiming<TWriter>(scoped ref TWriter to, InferenceRequest request)
        where TWriter : IBufferWriter<byte>, allows ref struct
    {
        ProtobufWriter writer = new(to.GetSpan((int)TimingBytes(request)));
        ResponseParameter.Write(ref writer, ServerTiming.AnswerKey, ServerTiming.Of(request));
        to.Advance(writer.Position);
    }

    // A call has headers for it; what is in a stream says it itself, as messages in MessagePack do.
    private static long CacheBytes(InferenceRequest request) => request.CacheOutcome switch
    {
        CacheOutcome.None => 0,
        CacheOutcome.Hit => ResponseParameter.Bytes("cache"u8, request.CacheOutcome.WireName()) + ResponseParameter.Bytes("cache_age"u8, (ulong)request.CacheAgeSeconds),
        _ => ResponseParameter.Bytes("cache"u8, request.CacheOutcome.WireName()),
    };

    private static void WriteCache<TWriter>(scoped ref TWriter to, InferenceRequest request)
        where TWriter : IBufferWriter<byte>, allows ref struct
    {
        ProtobufWriter writer = new(to.GetSpan((int)CacheBytes(request)));
        ResponseParameter.Write(ref writer, "cache"u8, request.CacheOutcome.WireName());
        if (request.CacheOutcome == CacheOutcome.Hit) ResponseParameter.Write(ref writer, "cache_age"u8, (ulong)request.CacheAgeSeconds);
        to.Advance(writer.Position);
    }

    private static long HeadBytes(string name, string version, string id, bool isFinal) =>
        ProtobufWriter.TextSize(ProtobufWriter.Utf8Size(name)) + ProtobufWriter.TextSize(version.Length) + ProtobufWriter.TextSize(ProtobufWriter.Utf8Size(id))
        + (isFinal ? ProtobufWriter.FieldSize(FinalResponse.Length) : 0);

    private static void WriteHead<TWriter>(scoped ref TWriter to, string name, string version, string id, bool isFinal)
        where TWriter : IBufferWriter<byte>, allows ref struct
    {
        ProtobufWriter writer = new(to.GetSpan((int)HeadBytes(name, version, id, isFinal) + 1));
        writer.WriteText(ModelNameField, name, ProtobufWriter.Utf8Size(name));
        writer.WriteText(ModelVersionField, version, version.Length);
        writer.WriteText(IdField, id, ProtobufWriter.Utf8Size(id));
        if (isFinal) writer.WriteText(ParametersField, FinalResponse);
        to.Advance(writer.Position);
    }

    private static int ShapeBytes(TensorShape shape)
    {
        int bytes = 0;
        foreach (long dimension in shape.Dims) bytes += ProtobufWriter.VarintSize((ulong)dimension);
        return bytes;
    }

    private static long OutputBytes(TensorSpec spec, DataType type, TensorShape shape) =>
        ProtobufWriter.TextSize(spec.Utf8Name.Length) + ProtobufWriter.TextSize(type.WireName().Length) + ProtobufWriter.TextSize(ShapeBytes(shape));

    private static void WriteOutput<TWriter>(scoped ref TWriter to, TensorSpec spec, DataType type, TensorShape shape)
        where TWriter : IBufferWriter<byte>, allows ref struct
    {
        int bytes = (int)OutputBytes(spec, type, shape);
        ProtobufWriter writer = new(to.GetSpan(bytes + MostHeaderBytes));
        writer.WriteHeader(OutputsField, bytes);
        writer.WriteText(NameField, spec.Utf8Name);
        writer.WriteText(DataTypeField, type.WireName(), type.WireName().Length);
        if (shape.Rank > 0)
        {
            writer.WriteHeader(ShapeField, ShapeBytes(shape));
            foreach (long dimension in shape.Dims) writer.WriteVarint((ulong)dimension);
        }

        to.Advance(writer.Position);
    }

    private static void WriteHeader<TWriter>(scoped ref TWriter to, int field, long length)
        where TWriter : IBufferWriter<byte>, allows ref struct
    {
        ProtobufWriter writer = new(to.GetSpan(MostHeaderBytes));
        writer.WriteHeader(field, length);
        to.Advance(writer.Position);
    }

    private static void Copy<TWriter>(scoped ref TWriter to, ReadOnlySpan<byte> bytes)
        where TWriter : IBufferWriter<byte>, allows ref struct
    {
        while (bytes.Length > 0)
        {
            Span<byte> room = to.GetSpan(1);
            int part = Math.Min(room.Length, bytes.Length);
            bytes[..part].CopyTo(room);
            to.Advance(part);
            bytes = bytes[part..];
        }
    }

    private static DataType Type(InferenceRequest request, in OutputPlan output) => output.Classes > 0 ? DataType.Bytes : request.Outputs[output.Index].DataType;

    private static TensorShape Shape(InferenceRequest request, in OutputPlan output) => output.Classes > 0 ? output.ClassShape : request.Outputs[output.Index].Shape;
}
