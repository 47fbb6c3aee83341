using System.Text;
using System.Text.Json;
using Gateway.Core.Execution;
using Gateway.Core.Models;
using Gateway.Protocol.Tensors;

namespace Gateway.Server.Remote.Http;

/// <summary>Reads what an upstream says of a model in JSON.</summary>
internal static class JsonMetadata
{
    /// <param name="config">Null where the upstream has no configurations to show.</param>
    /// <exception cref="ModelLoadException">It cannot be read, or says that the model cannot be called so.</exception>
    public static UpstreamMetadata Read(byte[] metadata, byte[]? config)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(metadata);
            JsonElement root = json.RootElement;
            IReadOnlyList<string> versions = root.TryGetProperty("versions", out JsonElement list) && list.ValueKind == JsonValueKind.Array
                ? [.. list.EnumerateArray().Where(each => each.ValueKind == JsonValueKind.String).Select(each => each.GetString()!)]
                : [];
            return new UpstreamMetadata(new ModelSignature(Tensors(root, "inputs"), Tensors(root, "outputs"), config is null ? null : BatchSizeOf(config)), versions);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new ModelLoadException("what the server that runs the model says of it is no model metadata", error);
        }
    }

    private static IReadOnlyList<TensorSignature> Tensors(JsonElement root, string section)
    {
        List<TensorSignature> tensors = [];
        foreach (JsonElement tensor in root.GetProperty(section).EnumerateArray())
        {
            string name = tensor.GetProperty("name").GetString() ?? throw new FormatException();
            string type = tensor.GetProperty("datatype").GetString() ?? throw new FormatException();
            tensors.Add(new TensorSignature(name, DataTypes.Parse(Encoding.UTF8.GetBytes(type)), [.. tensor.GetProperty("shape").EnumerateArray().Select(each => each.GetInt64())]));
        }

        return UpstreamMetadata.Checked(tensors, section);
    }

    private static int BatchSizeOf(byte[] config)
    {
        using JsonDocument json = JsonDocument.Parse(config);
        JsonElement root = json.RootElement;
        if (root.TryGetProperty("sequence_batching", out _)) throw UpstreamMetadata.Sequences();
        if (root.TryGetProperty("model_transaction_policy", out JsonElement policy) && policy.TryGetProperty("decoupled", out JsonElement decoupled) && decoupled.ValueKind == JsonValueKind.True)
        {
            throw UpstreamMetadata.Decoupled();
        }

        return root.TryGetProperty("max_batch_size", out JsonElement size) ? size.GetInt32() : 0;
    }
}
