using System.Text;
using Gateway.Load.Payloads;
using Gateway.Protocol.Protobuf;
using Gateway.Protocol.Tensors;

namespace Gateway.Load.Carriers.Grpc;

/// <summary>Requests and answers as protobuf messages (src/Gateway.Protocol/Protos/grpc_service.proto, whose numbers of fields these are).</summary>
internal static class InferMessage
{
    public static byte[] Write(RequestPayload payload, string model, string version)
    {
        byte[][] heads = [.. payload.Inputs.Select(Head)];
        long size = ProtobufWriter.TextSize(ProtobufWriter.Utf8Size(model)) + ProtobufWriter.TextSize(ProtobufWriter.Utf8Size(version));
        for (int i = 0; i < heads.Length; i++) size += ProtobufWriter.FieldSize(heads[i].Length) + ProtobufWriter.FieldSize(payload.Inputs[i].Data.Length);
        byte[] message = new byte[size];
        ProtobufWriter writer = new(message);
        writer.WriteText(1, model, ProtobufWriter.Utf8Size(model));
        writer.WriteText(2, version, ProtobufWriter.Utf8Size(version));
        foreach (byte[] head in heads) writer.WriteText(5, head);
        int at = writer.Position;
        foreach (TensorPayload input in payload.Inputs)
        {
            // An empty tensor has an entry all the same.
            ProtobufWriter raw = new(message.AsSpan(at));
            raw.WriteHeader(7, input.Data.Length);
            input.Data.CopyTo(message.AsSpan(at + raw.Position));
            at += raw.Position + input.Data.Length;
        }

        return message;
    }

    public static byte[] WriteNameAndVersion(string model, string version)
    {
        byte[] message = new byte[ProtobufWriter.TextSize(ProtobufWriter.Utf8Size(model)) + ProtobufWriter.TextSize(ProtobufWriter.Utf8Size(version))];
        ProtobufWriter writer = new(message);
        writer.WriteText(1, model, ProtobufWriter.Utf8Size(model));
        writer.WriteText(2, version, ProtobufWriter.Utf8Size(version));
        return message;
    }

    /// <summary>Reads a <c>ModelMetadataResponse</c>.</summary>
    /// <exception cref="ProtobufException">It is none.</exception>
    public static ModelDescription ReadDescription(ReadOnlySpan<byte> message)
    {
        string name = "";
        List<TensorDescription> inputs = [];
        List<TensorDescription> outputs = [];
        ProtobufReader reader = new(message);
        while (reader.ReadTag() is var tag and not 0)
        {
            switch (tag)
            {
                case (1 << 3) | (int)WireType.Bytes:
                    name = Encoding.UTF8.GetString(reader.ReadString());
                    break;
                case (4 << 3) | (int)WireType.Bytes:
                    inputs.Add(Describe(reader.ReadBytes()));
                    break;
                case (5 << 3) | (int)WireType.Bytes:
                    outputs.Add(Describe(reader.ReadBytes()));
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        return new ModelDescription(name, inputs, outputs);
    }

    /// <summary>Reads the tensors of a <c>ModelInferResponse</c>, raw or typed.</summary>
    /// <exception cref="ProtobufException">It is none.</exception>
    /// <exception cref="FormatException">It has not as many raw contents as outputs.</exception>
    public static IReadOnlyList<TensorPayload> ReadOutputs(ReadOnlySpan<byte> message)
    {
        List<TensorPayload> outputs = [];
        List<byte[]> raw = [];
        ProtobufReader reader = new(message);
        while (reader.ReadTag() is var tag and not 0)
        {
            switch (tag)
            {
                case (5 << 3) | (int)WireType.Bytes:
                    outputs.Add(Tensor(reader.ReadBytes()));
                    break;
                case (6 << 3) | (int)WireType.Bytes:
                    raw.Add(reader.ReadBytes().ToArray());
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        if (raw.Count == 0) return outputs;
        if (raw.Count != outputs.Count) throw new FormatException($"the answer has {outputs.Count} outputs and {raw.Count} raw contents");
        for (int i = 0; i < raw.Count; i++) outputs[i] = outputs[i] with { Data = raw[i] };
        return outputs;
    }

    /// <summary>Name, type and shape, which inputs, outputs and their descriptions all begin with.</summary>
    private static byte[] Head(TensorPayload tensor)
    {
        string type = tensor.DataType.WireName();
        int dimensions = 0;
        foreach (long dimension in tensor.Shape) dimensions += ProtobufWriter.VarintSize((ulong)dimension);
        byte[] head = new byte[ProtobufWriter.TextSize(ProtobufWriter.Utf8Size(tensor.Name)) + ProtobufWriter.TextSize(type.Length) + ProtobufWriter.TextSize(dimensions)];
        ProtobufWriter writer = new(head);
        writer.WriteText(1, tensor.Name, ProtobufWriter.Utf8Size(tensor.Name));
        writer.WriteText(2, type, type.Length);
        if (dimensions > 0) writer.WriteHeader(3, dimensions);
        foreach (long dimension in tensor.Shape) writer.WriteVarint((ulong)dimension);
        return head;
    }

    private static TensorDescription Describe(ReadOnlySpan<byte> message)
    {
        TensorPayload tensor = Tensor(message);
        return new TensorDescription(tensor.Name, tensor.DataType, tensor.Shape);
    }

    private static TensorPayload Tensor(ReadOnlySpan<byte> message)
    {
        string name = "";
        DataType type = default;
        List<long> shape = [];
        byte[] data = [];
        ProtobufReader reader = new(message);
        while (reader.ReadTag() is var tag and not 0)
        {
            switch (tag)
            {
                case (1 << 3) | (int)WireType.Bytes:
                    name = Encoding.UTF8.GetString(reader.ReadString());
                    break;
                case (2 << 3) | (int)WireType.Bytes:
                    type = DataTypes.Parse(reader.ReadBytes());
                    break;
                case (3 << 3) | (int)WireType.Varint:
                    shape.Add((long)reader.ReadVarint64());
                    break;
                case (3 << 3) | (int)WireType.Bytes:
                    ProtobufReader packed = new(reader.ReadBytes());
                    while (!packed.IsAtEnd) shape.Add((long)packed.ReadVarint64());
                    break;
                case (5 << 3) | (int)WireType.Bytes:
                    data = TypedContents.Read(reader.ReadBytes(), type);
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        return new TensorPayload(name, type, [.. shape], data);
    }
}
