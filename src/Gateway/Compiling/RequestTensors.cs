using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Gateway.Core.Models;
using Gateway.OnnxRuntime.Backend.Compiled;
using Gateway.Precompute;
using Gateway.Protocol.Tensors;

namespace Gateway.Compiling;

/// <summary>The tensors of a request that a file has, in the shapes that the model file wants.</summary>
internal static class RequestTensors
{
    /// <exception cref="InvalidDataException">It does not fit the model; the message says what.</exception>
    public static IReadOnlyList<TrialTensor> Read(PreparedRequest request, ModelLayout layout)
    {
        try
        {
            int binary = request.HeadLength ?? request.Body.Length;
            using JsonDocument json = JsonDocument.Parse(request.Body.AsMemory(0, binary));
            List<TrialTensor> tensors = [];
            foreach (JsonElement input in json.RootElement.GetProperty("inputs").EnumerateArray())
            {
                string name = input.GetProperty("name").GetString()!;
                TensorSpec spec = layout.Inputs.FirstOrDefault(spec => spec.Name == name) ?? throw new InvalidDataException($"the model has no input '{name}'");
                if (input.GetProperty("datatype").GetString() is var type && type != spec.DataType.WireName()) throw new InvalidDataException($"'{name}' is of type {type}, and the input of {spec.DataType.WireName()}");
                long[] shape = [.. input.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64())];
                byte[] raw;
                if (input.TryGetProperty("data", out JsonElement data))
                {
                    using MemoryStream elements = new();
                    Write(elements, data, spec.DataType);
                    raw = elements.ToArray();
                }
                else
                {
                    raw = request.Body[binary..(binary += input.GetProperty("parameters").GetProperty("binary_data_size").GetInt32())];
                }

                tensors.Add(new TrialTensor(name, spec.DataType, ModelShape(spec, shape, layout), Checked(raw, shape, spec)));
            }

            return layout.Inputs.FirstOrDefault(spec => tensors.All(tensor => tensor.Name != spec.Name)) is { } missing ? throw new InvalidDataException($"a request has no '{missing.Name}'") : tensors;
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException or OverflowException)
        {
            throw new InvalidDataException($"a request cannot be read: {error.Message}", error);
        }
    }

    private static long[] ModelShape(TensorSpec spec, long[] shape, ModelLayout layout) =>
        spec.IsReshaped ? layout.ForRows(spec.ModelDims, layout.IsBatching ? (int)shape[0] : 1).Dims.ToArray() : shape;

    private static byte[] Checked(byte[] raw, long[] shape, TensorSpec spec)
    {
        long elements = shape.Aggregate(1L, (product, size) => size < 0 ? throw new InvalidDataException($"'{spec.Name}' has a negative size") : checked(product * size));
        bool fits = spec.DataType == DataType.Bytes ? CountStrings(raw) == elements : raw.Length == elements * spec.DataType.Size();
        return fits ? raw : throw new InvalidDataException($"'{spec.Name}' has not as many elements as the shape [{string.Join(',', shape)}]");
    }

    private static long CountStrings(ReadOnlySpan<byte> raw)
    {
        long count = 0;
        for (; raw.Length > 0; count++) raw = raw[(sizeof(int) + BinaryPrimitives.ReadInt32LittleEndian(raw))..];
        return count;
    }

    private static void Write(MemoryStream raw, JsonElement data, DataType type)
    {
        if (data.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement element in data.EnumerateArray()) Write(raw, element, type);
            return;
        }

        raw.Write(type switch
        {
            DataType.Bool => [data.ValueKind is JsonValueKind.True or JsonValueKind.False ? (byte)(data.GetBoolean() ? 1 : 0) : data.GetByte()],
            DataType.UInt8 => [data.GetByte()],
            DataType.Int8 => [(byte)data.GetSByte()],
            DataType.UInt16 => BitConverter.GetBytes(data.GetUInt16()),
            DataType.Int16 => BitConverter.GetBytes(data.GetInt16()),
            DataType.UInt32 => BitConverter.GetBytes(data.GetUInt32()),
            DataType.Int32 => BitConverter.GetBytes(data.GetInt32()),
            DataType.UInt64 => BitConverter.GetBytes(data.GetUInt64()),
            DataType.Int64 => BitConverter.GetBytes(data.GetInt64()),
            DataType.Fp32 => BitConverter.GetBytes(data.GetSingle()),
            DataType.Fp64 => BitConverter.GetBytes(data.GetDouble()),
            DataType.Bytes => Text(data.GetString() ?? ""),
            _ => throw new InvalidDataException($"{type.WireName()} has no form in JSON; give a .npz"),
        });
    }

    private static byte[] Text(string value)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(value);
        return [.. BitConverter.GetBytes(utf8.Length), .. utf8];
    }
}
