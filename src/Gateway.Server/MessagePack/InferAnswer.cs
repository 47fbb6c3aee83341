using System.Buffers;
using Gateway.Core.Caching;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol.MessagePack;
using Gateway.Protocol.Tensors;
using Gateway.Server.OpenInference;

namespace Gateway.Server.MessagePack;

/// <summary>Writes the answer of an inference request.</summary>
/// <remarks><b>Cost</b>: outputs go from where the model left them into the writer's memory, copied once; no allocation.</remarks>
internal static class InferAnswer
{
    /// <summary>Bytes of the answer.</summary>
    /// <param name="wanted">Which outputs; none stands for all.</param>
    public static long Bytes(InferenceRequest request, List<int> wanted)
    {
        int outputs = Count(request, wanted);
        long bytes = HeadBytes(request, outputs);
        for (int i = 0; i < outputs; i++)
        {
            int index = Index(wanted, i);
            bytes += OutputHeadBytes(request.Model.Outputs[index], request.Outputs[index]) + request.Outputs[index].ByteLength;
        }

        return bytes;
    }

    /// <summary>Writes the answer.</summary>
    public static void Write(IBufferWriter<byte> to, InferenceRequest request, List<int> wanted)
    {
        int outputs = Count(request, wanted);
        WriteHead(to, request, outputs);
        for (int i = 0; i < outputs; i++)
        {
            int index = Index(wanted, i);
            ref readonly OutputTensor output = ref request.Outputs[index];
            WriteOutputHead(to, request.Model.Outputs[index], output);
            to.Write(output.Bytes);
        }
    }

    private static int Count(InferenceRequest request, List<int> wanted) => wanted.Count > 0 ? wanted.Count : request.Outputs.Length;

    private static int Index(List<int> wanted, int i) => wanted.Count > 0 ? wanted[i] : i;

    private static int HeadBytes(InferenceRequest request, int outputs)
    {
        int id = request.Id.Length > 0 ? Key("id"u8) + MessagePackWriter.StringSize(request.Id) : 0;
        return MessagePackWriter.MapHeaderSize(4) + CacheBytes(request) + TimingBytes(request) + Key("model_name"u8) + MessagePackWriter.StringSize(request.Model.Name)
            + Key("model_version"u8) + MessagePackWriter.StringSize(request.Model.VersionText) + id + Key("outputs"u8) + MessagePackWriter.ArrayHeaderSize(outputs);
    }

    /// <summary>Writes what stands before the outputs.</summary>
    internal static void WriteHead(IBufferWriter<byte> to, InferenceRequest request, int outputs)
    {
        ServedModel model = request.Model;
        MessagePackWriter writer = new(to.GetSpan(HeadBytes(request, outputs)));
        writer.WriteMapHeader((request.Id.Length > 0 ? 4 : 3) + CacheEntries(request) + (request.Explains ? 1 : 0));
        writer.WriteString("model_name"u8);
        writer.WriteString(model.Name);
        writer.WriteString("model_version"u8);
        writer.WriteString(model.VersionText);
        if (request.Id.Length > 0)
        {
            writer.WriteString("id"u8);
            writer.WriteString(request.Id);
        }

        WriteCache(ref writer, request);
        if (request.Explains)
        {
            writer.WriteString(ServerTiming.AnswerKey);
            writer.WriteString(ServerTiming.Of(request));
        }

        writer.WriteString("outputs"u8);
        writer.WriteArrayHeader(outputs);
        to.Advance(writer.Position);
    }

    private static int TimingBytes(InferenceRequest request) => request.Explains ? Key(ServerTiming.AnswerKey) + MessagePackWriter.StringSize(ServerTiming.Of(request)) : 0;

    private static int CacheEntries(InferenceRequest request) => request.CacheOutcome switch
    {
        CacheOutcome.None => 0,
        CacheOutcome.Hit => 2,
        _ => 1,
    };

    private static int CacheBytes(InferenceRequest request) => request.CacheOutcome switch
    {
        CacheOutcome.None => 0,
        CacheOutcome.Hit => Key("cache"u8) + Key(request.CacheOutcome.WireName()) + Key("cache_age"u8) + MessagePackWriter.IntegerSize(request.CacheAgeSeconds),
        _ => Key("cache"u8) + Key(request.CacheOutcome.WireName()),
    };

    /// <summary>What the cache did, for a model that has one; and how many seconds old the answer is.</summary>
    private static void WriteCache(ref MessagePackWriter writer, InferenceRequest request)
    {
        if (request.CacheOutcome == CacheOutcome.None) return;
        writer.WriteString("cache"u8);
        writer.WriteString(request.CacheOutcome.WireName());
        if (request.CacheOutcome != CacheOutcome.Hit) return;
        writer.WriteString("cache_age"u8);
        writer.WriteInteger(request.CacheAgeSeconds);
    }

    private static int OutputHeadBytes(TensorSpec spec, in OutputTensor output)
    {
        int type = output.DataType.WireName().Length;
        int bytes = MessagePackWriter.MapHeaderSize(4) + Key("name"u8) + MessagePackWriter.StringHeaderSize(spec.Utf8Name.Length) + spec.Utf8Name.Length
            + Key("datatype"u8) + MessagePackWriter.StringHeaderSize(type) + type
            + Key("shape"u8) + MessagePackWriter.ArrayHeaderSize(output.Shape.Rank) + Key("data"u8) + MessagePackWriter.BinaryHeaderSize(output.ByteLength);
        for (int i = 0; i < output.Shape.Rank; i++) bytes += MessagePackWriter.IntegerSize(output.Shape[i]);
        return bytes;
    }

    /// <summary>Writes what stands before an output's bytes.</summary>
    internal static void WriteOutputHead(IBufferWriter<byte> to, TensorSpec spec, in OutputTensor output)
    {
        MessagePackWriter writer = new(to.GetSpan(OutputHeadBytes(spec, output)));
        writer.WriteMapHeader(4);
        writer.WriteString("name"u8);
        writer.WriteString(spec.Utf8Name);
        writer.WriteString("datatype"u8);
        writer.WriteString(output.DataType.WireName());
        writer.WriteString("shape"u8);
        writer.WriteArrayHeader(output.Shape.Rank);
        for (int i = 0; i < output.Shape.Rank; i++) writer.WriteInteger(output.Shape[i]);
        writer.WriteString("data"u8);
        writer.WriteBinaryHeader(output.ByteLength);
        to.Advance(writer.Position);
    }

    private static int Key(ReadOnlySpan<byte> key) => MessagePackWriter.StringHeaderSize(key.Length) + key.Length;
}
