using System.Text;
using System.Text.Json;
using Gateway.Protocol.Tensors;

namespace Gateway.Load.Payloads;

/// <summary>What a server says of a model.</summary>
internal sealed record ModelDescription(string Name, IReadOnlyList<TensorDescription> Inputs, IReadOnlyList<TensorDescription> Outputs)
{
    /// <summary>Reads the answer to <c>GET /v2/models/{name}</c>.</summary>
    /// <exception cref="LoadException">It is not the Open Inference Protocol's.</exception>
    public static ModelDescription Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            JsonElement root = document.RootElement;
            return new ModelDescription(root.GetProperty("name").GetString()!, Tensors(root, "inputs"), Tensors(root, "outputs"));
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new LoadException(ExitCode.CannotStart, $"the server's description of the model cannot be read: {exception.Message}");
        }
    }

    private static List<TensorDescription> Tensors(JsonElement root, string name)
    {
        List<TensorDescription> tensors = [];
        foreach (JsonElement each in root.GetProperty(name).EnumerateArray())
        {
            DataType type = DataTypes.Parse(Encoding.UTF8.GetBytes(each.GetProperty("datatype").GetString() ?? ""));
            tensors.Add(new TensorDescription(each.GetProperty("name").GetString() ?? "", type, [.. each.GetProperty("shape").EnumerateArray().Select(dimension => dimension.GetInt64())]));
        }

        return tensors;
    }
}
