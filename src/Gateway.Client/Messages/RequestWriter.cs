using System.Buffers.Binary;
using System.Text;
using Gateway.Protocol.MessagePack;
using Gateway.Protocol.Tensors;

namespace Gateway.Client.Messages;

/// <summary>Writes the map of an inference request (src/Gateway.Protocol/Frames/README.md).</summary>
/// <remarks><b>Cost</b>: tensors go from where they lie into the memory given, copied once; no allocation. The inputs come last, so that a server that has all before them knows where the first tensor will lie.</remarks>
internal static class RequestWriter
{
    /// <summary>Bytes of the map.</summary>
    /// <param name="timeoutMicroseconds">0 for none.</param>
    public static long Bytes(InferenceRequest request, long timeoutMicroseconds)
    {
        long bytes = 1 + Key("model_name"u8) + MessagePackWriter.StringSize(request.ModelName) + Key("inputs"u8) + MessagePackWriter.ArrayHeaderSize(request.Inputs.Length);
        if (HasText(request.ModelVersion)) bytes += Key("model_version"u8) + MessagePackWriter.StringSize(request.ModelVersion);
        if (HasText(request.Id)) bytes += Key("id"u8) + MessagePackWriter.StringSize(request.Id);
        if (timeoutMicroseconds > 0 || request.HasParameters)
        {
            bytes += Key("parameters"u8) + 1;
            if (timeoutMicroseconds > 0) bytes += Key("timeout"u8) + MessagePackWriter.IntegerSize(timeoutMicroseconds);
            if (request.Priority > 0) bytes += Key("priority"u8) + MessagePackWriter.IntegerSize(request.Priority);
            if (request.Explain) bytes += Key("explain"u8) + 1;
            if (request.Cache != CacheDirective.Use) bytes += Key("cache"u8) + Key(Word(request.Cache));
        }

        if (request.Outputs is { Count: > 0 } outputs)
        {
            bytes += Key("outputs"u8) + MessagePackWriter.ArrayHeaderSize(outputs.Count);
            foreach (string output in outputs) bytes += 1 + Key("name"u8) + MessagePackWriter.StringSize(output);
        }

        foreach (ref readonly RequestInput input in request.Inputs) bytes += InputBytes(request, input);
        return bytes;
    }

    public static void Write(ref MessagePackWriter writer, InferenceRequest request, long timeoutMicroseconds)
    {
        bool hasVersion = HasText(request.ModelVersion);
        bool hasId = HasText(request.Id);
        bool hasParameters = timeoutMicroseconds > 0 || request.HasParameters;
        bool hasOutputs = request.Outputs is { Count: > 0 };
        writer.WriteMapHeader(2 + (hasVersion ? 1 : 0) + (hasId ? 1 : 0) + (hasParameters ? 1 : 0) + (hasOutputs ? 1 : 0));
        writer.WriteString("model_name"u8);
        writer.WriteString(request.ModelName);
        if (hasVersion)
        {
            writer.WriteString("model_version"u8);
            writer.WriteString(request.ModelVersion);
        }

        if (hasId)
        {
            writer.WriteString("id"u8);
            writer.WriteString(request.Id);
        }

        if (hasParameters) WriteParameters(ref writer, request, timeoutMicroseconds);
        if (hasOutputs) WriteOutputs(ref writer, request.Outputs!);
        writer.WriteString("inputs"u8);
        writer.WriteArrayHeader(request.Inputs.Length);
        foreach (ref readonly RequestInput input in request.Inputs) WriteInput(ref writer, request, input);
    }

    private static void WriteParameters(ref MessagePackWriter writer, InferenceRequest request, long timeoutMicroseconds)
    {
        writer.WriteString("parameters"u8);
        writer.WriteMapHeader((timeoutMicroseconds > 0 ? 1 : 0) + (request.Priority > 0 ? 1 : 0) + (request.Explain ? 1 : 0) + (request.Cache != CacheDirective.Use ? 1 : 0));
        if (timeoutMicroseconds > 0)
        {
            writer.WriteString("timeout"u8);
            writer.WriteInteger(timeoutMicroseconds);
        }

        if (request.Priority > 0)
        {
            writer.WriteString("priority"u8);
            writer.WriteInteger((long)request.Priority);
        }

        if (request.Cache != CacheDirective.Use)
        {
            writer.WriteString("cache"u8);
            writer.WriteString(Word(request.Cache));
        }

        if (!request.Explain) return;
        writer.WriteString("explain"u8);
        writer.WriteBoolean(true);
    }

    private static ReadOnlySpan<byte> Word(CacheDirective directive) => directive switch
    {
        CacheDirective.Keep => "keep"u8,
        CacheDirective.Refresh => "refresh"u8,
        CacheDirective.NoStore => "no-store"u8,
        CacheDirective.Bypass => "bypass"u8,
        CacheDirective.OnlyIfCached => "only-if-cached"u8,
        _ => "use"u8,
    };

    private static void WriteOutputs(ref MessagePackWriter writer, List<string> outputs)
    {
        writer.WriteString("outputs"u8);
        writer.WriteArrayHeader(outputs.Count);
        foreach (string output in outputs)
        {
            writer.WriteMapHeader(1);
            writer.WriteString("name"u8);
            writer.WriteString(output);
        }
    }

    private static long InputBytes(InferenceRequest request, in RequestInput input)
    {
        long data = DataBytes(request, input);
        int type = input.DataType.WireName().Length;
        long bytes = 1 + Key("name"u8) + MessagePackWriter.StringSize(input.Name) + Key("datatype"u8) + MessagePackWriter.StringHeaderSize(type) + type
            + Key("shape"u8) + MessagePackWriter.ArrayHeaderSize(input.Shape.Rank) + Key("data"u8) + MessagePackWriter.BinaryHeaderSize((int)Math.Min(data, int.MaxValue)) + data;
        for (int i = 0; i < input.Shape.Rank; i++) bytes += MessagePackWriter.IntegerSize(input.Shape[i]);
        if (input.FeatureView is { } view) bytes += Key("parameters"u8) + 1 + Key("feature_view"u8) + MessagePackWriter.StringSize(view);
        return bytes;
    }

    private static void WriteInput(ref MessagePackWriter writer, InferenceRequest request, in RequestInput input)
    {
        writer.WriteMapHeader(input.FeatureView is null ? 4 : 5);
        writer.WriteString("name"u8);
        writer.WriteString(input.Name);
        writer.WriteString("datatype"u8);
        writer.WriteString(input.DataType.WireName());
        writer.WriteString("shape"u8);
        writer.WriteArrayHeader(input.Shape.Rank);
        for (int i = 0; i < input.Shape.Rank; i++) writer.WriteInteger(input.Shape[i]);
        if (input.FeatureView is { } view)
        {
            writer.WriteString("parameters"u8);
            writer.WriteMapHeader(1);
            writer.WriteString("feature_view"u8);
            writer.WriteString(view);
        }

        writer.WriteString("data"u8);
        if (input.Source is string[] texts) WriteTexts(writer.ReserveBinary((int)DataBytes(request, input)), texts);
        else writer.WriteBinary(input.Bytes(request));
    }

    private static long DataBytes(InferenceRequest request, in RequestInput input)
    {
        if (input.Source is not string[] texts) return input.Bytes(request).Length;
        long bytes = 0;
        foreach (string text in texts) bytes += sizeof(uint) + Encoding.UTF8.GetByteCount(text);
        return bytes;
    }

    private static void WriteTexts(Span<byte> to, string[] texts)
    {
        foreach (string text in texts)
        {
            int length = Encoding.UTF8.GetBytes(text, to[sizeof(uint)..]);
            BinaryPrimitives.WriteUInt32LittleEndian(to, (uint)length);
            to = to[(sizeof(uint) + length)..];
        }
    }

    private static bool HasText(string? text) => !string.IsNullOrEmpty(text);

    private static int Key(ReadOnlySpan<byte> key) => MessagePackWriter.StringHeaderSize(key.Length) + key.Length;
}
