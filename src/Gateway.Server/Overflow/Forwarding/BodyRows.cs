using System.Text.Json;
using Gateway.Protocol;
using Gateway.Protocol.MessagePack;
using Gateway.Protocol.Protobuf;
using Gateway.Server.Grpc.Wire;

namespace Gateway.Server.Overflow.Forwarding;

/// <summary>Says of how many rows a request is that is answered elsewhere, and has been read by nobody here: for the rate of its tenant.</summary>
/// <remarks>
/// <b>Behaviour</b>: what the first input says is believed, and what says nothing, or cannot be read, is of one row: who answers it finds that out. <b>Cost</b>: what comes before the first
/// shape is gone through; of TensorFlow's calls, which say none, the whole body.
/// </remarks>
internal static class BodyRows
{
    /// <summary>Of an infer call of the Open Inference Protocol, with or without tensors behind its JSON, or of a predict call of TensorFlow Serving.</summary>
    public static int OfJson(ReadOnlySpan<byte> body)
    {
        try
        {
            Utf8JsonReader reader = new(body);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return 1;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                bool areRows = reader.ValueTextEquals("instances"u8);
                bool areInputs = reader.ValueTextEquals("inputs"u8);
                reader.Read();
                if (areRows) return Of(Elements(ref reader));
                if (areInputs) return Of(Inputs(ref reader));
                reader.Skip();
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // The latter of names that are no Unicode.
        }

        return 1;
    }

    /// <summary>Of a <c>ModelInferRequest</c> with its prefix.</summary>
    public static int OfGrpc(ReadOnlySpan<byte> body)
    {
        if (body.Length < MessagePrefix.Bytes || body[0] != 0) return 1;
        Grpc.Inference.InferMessage message = new();
        try
        {
            message.Read(body[MessagePrefix.Bytes..]);
        }
        catch (Exception error) when (error is ProtobufException or InferenceException)
        {
            return 1;
        }

        return message.Inputs is [{ Shape.Rank: > 0 } first, ..] ? Of(first.Shape.Dims[0]) : 1;
    }

    /// <summary>Of an infer call in MessagePack.</summary>
    public static int OfMessagePack(ReadOnlySpan<byte> body)
    {
        MessagePackReader reader = new(body);
        MessagePack.InferMessage message = new();
        try
        {
            message.Read(ref reader, body);
        }
        catch (InferenceException)
        {
            return 1;
        }

        return Of(message.FirstDimension);
    }

    private static int Of(long rows) => (int)Math.Clamp(rows, 1, int.MaxValue);

    /// <summary>Of <c>inputs</c>: a list of tensors, which say their shapes; or TensorFlow's columns: lists by name, or the list of the only one.</summary>
    private static long Inputs(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.StartObject) return reader.Read() && reader.TokenType == JsonTokenType.PropertyName && reader.Read() ? Elements(ref reader) : 1;
        if (reader.TokenType != JsonTokenType.StartArray) return 1;
        long count = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (count == 0 && reader.TokenType == JsonTokenType.StartObject && Shape(ref reader) is > 0 and long rows) return rows;
            count++;
            reader.Skip();
        }

        return count;
    }

    /// <summary>The first dimension that an object says; 0 where it says none, and the reader then stands at its end.</summary>
    private static long Shape(ref Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool isShape = reader.ValueTextEquals("shape"u8);
            reader.Read();
            if (isShape && reader.TokenType == JsonTokenType.StartArray && reader.Read() && reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out long rows)) return rows;
            if (isShape) return 1;
            reader.Skip();
        }

        return 0;
    }

    private static long Elements(ref Utf8JsonReader reader)
    {
        long count = 0;
        if (reader.TokenType != JsonTokenType.StartArray) return 1;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            count++;
            reader.Skip();
        }

        return count;
    }
}
