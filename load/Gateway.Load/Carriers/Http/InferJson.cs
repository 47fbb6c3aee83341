using System.Text;
using System.Text.Json;
using Gateway.Load.Payloads;
using Gateway.Protocol.Tensors;

namespace Gateway.Load.Carriers.Http;

/// <summary>What the two kinds of the Open Inference Protocol over HTTP share.</summary>
internal static class InferJson
{
    /// <summary>Begins a tensor's object, with name, type and shape.</summary>
    public static void WriteHead(Utf8JsonWriter json, TensorPayload tensor)
    {
        json.WriteStartObject();
        json.WriteString("name"u8, tensor.Name);
        json.WriteStartArray("shape"u8);
        foreach (long dimension in tensor.Shape) json.WriteNumberValue(dimension);
        json.WriteEndArray();
        json.WriteString("datatype"u8, tensor.DataType.WireName());
    }

    /// <summary>Reads the outputs of an answer, each as JSON or as bytes after the JSON part.</summary>
    /// <exception cref="FormatException">It is malformed.</exception>
    public static IReadOnlyList<TensorPayload> ReadOutputs(ReadOnlySpan<byte> body, int headerBytes)
    {
        ReadOnlySpan<byte> blobs = headerBytes > 0 ? body[headerBytes..] : [];
        try
        {
            Utf8JsonReader reader = new(headerBytes > 0 ? body[..headerBytes] : body);
            using JsonDocument document = JsonDocument.ParseValue(ref reader);
            if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("outputs", out JsonElement outputs)) throw new FormatException("the answer has no outputs");
            if (headerBytes == 0) return TensorJson.Read(outputs);
            List<TensorPayload> tensors = [];
            foreach (JsonElement each in outputs.EnumerateArray())
            {
                string name = TensorJson.Text(each, "name");
                DataType type = DataTypes.Parse(Encoding.UTF8.GetBytes(TensorJson.Text(each, "datatype")));
                int size = each.TryGetProperty("parameters", out JsonElement parameters) && parameters.TryGetProperty("binary_data_size", out JsonElement bytes)
                    ? bytes.GetInt32()
                    : throw new FormatException($"output '{name}' has no binary_data_size");
                if (size < 0 || size > blobs.Length) throw new FormatException($"output '{name}' is longer than the answer");
                tensors.Add(new TensorPayload(name, type, TensorJson.Shape(each, name), blobs[..size].ToArray()));
                blobs = blobs[size..];
            }

            return tensors;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new FormatException($"the answer is malformed: {exception.Message}");
        }
    }
}
