using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Gateway.Core.Models;
using Gateway.Protocol.Protobuf;
using Gateway.Protocol.Tensors;
using Gateway.Server.Grpc.Wire;

namespace Gateway.Server.Overflow.Forwarding;

/// <summary>A request for a model that is nothing but zeros: one row, and one of each dimension that may be of any size.</summary>
internal sealed class ZeroRequest
{
    // Larger ones are not worth what they cost: it is code that is to be warmed, not a cache.
    private const long MostElements = 1 << 16;

    private readonly string _model;
    private readonly TensorSignature[] _inputs;
    private readonly int[] _elements;

    private ZeroRequest(string model, TensorSignature[] inputs, int[] elements)
    {
        _model = model;
        _inputs = inputs;
        _elements = elements;
    }

    /// <returns>Null for a model whose requests are too large, or cannot be written.</returns>
    public static ZeroRequest? For(string model, ModelSignature signature)
    {
        TensorSignature[] inputs = [.. signature.Inputs];
        int[] elements = new int[inputs.Length];
        long all = 0;
        for (int i = 0; i < inputs.Length; i++)
        {
            if (inputs[i].DataType is DataType.Invalid) return null;
            long product = 1;
            foreach (long size in Shape(inputs[i])) product = Math.Min(product * size, MostElements + 1);
            all += product;
            if (all > MostElements) return null;
            elements[i] = (int)product;
        }

        return new ZeroRequest(model, inputs, elements);
    }

    /// <summary>Whether it can be a body in JSON, which has no halves.</summary>
    public bool FitsJson => !_inputs.Any(static input => input.DataType is DataType.Fp16 or DataType.Bf16);

    /// <summary>As the body of a call over HTTP; of one that <see cref="FitsJson"/>.</summary>
    public byte[] ToJson()
    {
        ArrayBufferWriter<byte> bytes = new();
        using Utf8JsonWriter json = new(bytes);
        json.WriteStartObject();
        json.WriteStartArray("inputs");
        for (int i = 0; i < _inputs.Length; i++)
        {
            json.WriteStartObject();
            json.WriteString("name", _inputs[i].Name);
            json.WriteString("datatype", _inputs[i].DataType.WireName());
            json.WriteStartArray("shape");
            foreach (long size in Shape(_inputs[i])) json.WriteNumberValue(size);
            json.WriteEndArray();
            json.WriteStartArray("data");
            for (int element = 0; element < _elements[i]; element++) WriteZero(json, _inputs[i].DataType);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        return bytes.WrittenSpan.ToArray();
    }

    /// <summary>As the message of a call over gRPC, with its prefix.</summary>
    public byte[] ToGrpc()
    {
        byte[][] inputs = [.. _inputs.Select(Input)];
        int[] raw = [.. _inputs.Select((input, i) => _elements[i] * Math.Max(input.DataType.Size(), input.DataType == DataType.Bytes ? sizeof(int) : 0))];
        int nameSize = ProtobufWriter.Utf8Size(_model);
        long size = ProtobufWriter.TextSize(nameSize) + inputs.Sum(input => ProtobufWriter.FieldSize(input.Length)) + raw.Sum(length => ProtobufWriter.FieldSize(length));
        byte[] message = new byte[MessagePrefix.Bytes + size];
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(1), (uint)size);
        ProtobufWriter writer = new(message.AsSpan(MessagePrefix.Bytes));
        writer.WriteText(1, _model, nameSize);
        foreach (byte[] input in inputs) writer.WriteText(5, input);
        foreach (int length in raw) writer.WriteText(7, new byte[length]);
        return message;
    }

    private static IEnumerable<long> Shape(TensorSignature input) => input.Dims.Select(size => Math.Max(1, size));

    private static void WriteZero(Utf8JsonWriter json, DataType type)
    {
        if (type == DataType.Bool) json.WriteBooleanValue(false);
        else if (type == DataType.Bytes) json.WriteStringValue("");
        else json.WriteNumberValue(0);
    }

    private static byte[] Input(TensorSignature input)
    {
        long[] shape = [.. Shape(input)];
        byte[] type = Encoding.ASCII.GetBytes(input.DataType.WireName());
        int nameSize = ProtobufWriter.Utf8Size(input.Name);
        int shapeSize = shape.Sum(size => ProtobufWriter.VarintSize((ulong)size));
        byte[] bytes = new byte[ProtobufWriter.TextSize(nameSize) + ProtobufWriter.TextSize(type.Length) + ProtobufWriter.TextSize(shapeSize)];
        ProtobufWriter writer = new(bytes);
        writer.WriteText(1, input.Name, nameSize);
        writer.WriteText(2, type);
        if (shapeSize > 0) writer.WriteHeader(3, shapeSize);
        foreach (long size in shape) writer.WriteVarint((ulong)size);
        return bytes;
    }
}
