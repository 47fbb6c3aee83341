using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Gateway.Protocol.Tensors;

namespace Gateway.Load.Payloads;

/// <summary>Tensors as the Open Inference Protocol has them in JSON.</summary>
internal static class TensorJson
{
    // What Triton's clients print for numbers that JSON has no word for.
    private static readonly Dictionary<string, double> Specials = new() { ["NaN"] = double.NaN, ["Infinity"] = double.PositiveInfinity, ["-Infinity"] = double.NegativeInfinity };

    /// <summary>Reads an array of tensors with their data: the inputs of a request, the outputs of an answer.</summary>
    /// <exception cref="FormatException">It is none; the message says where.</exception>
    public static IReadOnlyList<TensorPayload> Read(JsonElement tensors)
    {
        if (tensors.ValueKind != JsonValueKind.Array) throw new FormatException("the tensors are no array");
        List<TensorPayload> all = [];
        foreach (JsonElement each in tensors.EnumerateArray())
        {
            string name = Text(each, "name");
            DataType type = DataTypes.Parse(Encoding.UTF8.GetBytes(Text(each, "datatype")));
            if (type == DataType.Invalid) throw new FormatException($"tensor '{name}': datatype '{Text(each, "datatype")}' is not known");
            long[] shape = Shape(each, name);
            if (!each.TryGetProperty("data", out JsonElement data)) throw new FormatException($"tensor '{name}' has no data");
            using MemoryStream bytes = new();
            long elements = 0;
            Append(bytes, data, type, name, ref elements);
            long wanted = 1;
            foreach (long dimension in shape) wanted *= dimension;
            if (elements != wanted) throw new FormatException($"tensor '{name}' of shape [{string.Join(',', shape)}] has {elements} elements");
            all.Add(new TensorPayload(name, type, shape, bytes.ToArray()));
        }

        return all;
    }

    public static long[] Shape(JsonElement tensor, string name)
    {
        if (!tensor.TryGetProperty("shape", out JsonElement shape) || shape.ValueKind != JsonValueKind.Array) throw new FormatException($"tensor '{name}' has no shape");
        return [.. shape.EnumerateArray().Select(dimension => dimension.ValueKind == JsonValueKind.Number && dimension.TryGetInt64(out long size) && size >= 0 ? size : throw new FormatException($"tensor '{name}': a dimension is no size"))];
    }

    public static string Text(JsonElement tensor, string member) =>
        tensor.ValueKind == JsonValueKind.Object && tensor.TryGetProperty(member, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : throw new FormatException($"a tensor has no {member}");

    /// <summary>Writes the elements as one flat array.</summary>
    /// <exception cref="FormatException">JSON has no form for the type.</exception>
    public static void WriteData(Utf8JsonWriter json, TensorPayload tensor)
    {
        json.WriteStartArray();
        int size = tensor.DataType.Size();
        ReadOnlySpan<byte> rest = tensor.Data;
        while (rest.Length > 0)
        {
            switch (tensor.DataType)
            {
                case DataType.Bytes:
                    int length = (int)BinaryPrimitives.ReadUInt32LittleEndian(rest);
                    json.WriteStringValue(rest.Slice(sizeof(uint), length));
                    rest = rest[(sizeof(uint) + length)..];
                    continue;
                case DataType.Bool: json.WriteBooleanValue(rest[0] != 0); break;
                case DataType.UInt8: json.WriteNumberValue(rest[0]); break;
                case DataType.Int8: json.WriteNumberValue((sbyte)rest[0]); break;
                case DataType.UInt16: json.WriteNumberValue(BinaryPrimitives.ReadUInt16LittleEndian(rest)); break;
                case DataType.Int16: json.WriteNumberValue(BinaryPrimitives.ReadInt16LittleEndian(rest)); break;
                case DataType.UInt32: json.WriteNumberValue(BinaryPrimitives.ReadUInt32LittleEndian(rest)); break;
                case DataType.Int32: json.WriteNumberValue(BinaryPrimitives.ReadInt32LittleEndian(rest)); break;
                case DataType.UInt64: json.WriteNumberValue(BinaryPrimitives.ReadUInt64LittleEndian(rest)); break;
                case DataType.Int64: json.WriteNumberValue(BinaryPrimitives.ReadInt64LittleEndian(rest)); break;
                case DataType.Fp32: json.WriteNumberValue(BinaryPrimitives.ReadSingleLittleEndian(rest)); break;
                case DataType.Fp64: json.WriteNumberValue(BinaryPrimitives.ReadDoubleLittleEndian(rest)); break;
                default: throw new FormatException($"tensor '{tensor.Name}': {tensor.DataType.WireName()} cannot be sent as JSON; use a binary carrier");
            }

            rest = rest[size..];
        }

        json.WriteEndArray();
    }

    private static void Append(MemoryStream to, JsonElement data, DataType type, string name, ref long elements)
    {
        if (data.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement each in data.EnumerateArray()) Append(to, each, type, name, ref elements);
            return;
        }

        elements++;
        if (type == DataType.Bytes)
        {
            if (data.ValueKind != JsonValueKind.String) throw new FormatException($"tensor '{name}': an element is no string");
            byte[] text = Encoding.UTF8.GetBytes(data.GetString()!);
            Span<byte> length = stackalloc byte[sizeof(uint)];
            BinaryPrimitives.WriteUInt32LittleEndian(length, (uint)text.Length);
            to.Write(length);
            to.Write(text);
            return;
        }

        Span<byte> element = stackalloc byte[sizeof(ulong)];
        element = element[..type.Size()];
        if (data.ValueKind == JsonValueKind.Number)
        {
            // Beyond 2^53 a double would lose digits.
            if (type == DataType.Int64 && data.TryGetInt64(out long whole)) BinaryPrimitives.WriteInt64LittleEndian(element, whole);
            else if (type == DataType.UInt64 && data.TryGetUInt64(out ulong natural)) BinaryPrimitives.WriteUInt64LittleEndian(element, natural);
            else TensorNumbers.Write(element, type, data.GetDouble());
        }
        else if (data.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            TensorNumbers.Write(element, type, data.ValueKind == JsonValueKind.True ? 1 : 0);
        }
        else if (data.ValueKind == JsonValueKind.String && TensorNumbers.IsFloat(type) && Specials.TryGetValue(data.GetString()!, out double special))
        {
            TensorNumbers.Write(element, type, special);
        }
        else
        {
            throw new FormatException($"tensor '{name}': element {elements - 1} is no number");
        }

        to.Write(element);
    }
}
