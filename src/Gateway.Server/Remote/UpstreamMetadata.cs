using System.Net;
using System.Text;
using System.Text.Json;
using Gateway.Core.Execution;
using Gateway.Core.Models;
using Gateway.Protocol.Tensors;

namespace Gateway.Server.Remote;

/// <summary>What an upstream says of a model: its tensors, from the metadata; how many rows it takes at once, from its configuration where it tells that.</summary>
/// <param name="Signature">Shapes with the batch dimension, where there is one.</param>
/// <param name="Versions">The versions that are served there, as it lists them.</param>
internal sealed record UpstreamMetadata(ModelSignature Signature, IReadOnlyList<string> Versions)
{
    // Configurations that this server itself takes are no larger.
    private const int MostBytes = 1 << 20;

    /// <summary>Asks for both.</summary>
    /// <exception cref="ModelLoadException">It has no such model, cannot be reached, or says what cannot be read.</exception>
    public static async Task<UpstreamMetadata> AskAsync(UpstreamClient client, CancellationToken cancellation)
    {
        try
        {
            (HttpStatusCode status, byte[] metadata) = await client.GetAsync("", MostBytes, cancellation).ConfigureAwait(false);
            if (status != HttpStatusCode.OK) throw new ModelLoadException($"{client.Model} answered {(int)status}{(UpstreamErrors.TextOf(metadata) is { } text ? ": " + text : "")}");
            (HttpStatusCode configStatus, byte[] config) = await client.GetAsync("/config", MostBytes, cancellation).ConfigureAwait(false);
            return Read(metadata, configStatus == HttpStatusCode.OK ? config : null);
        }
        catch (UpstreamException error)
        {
            throw new ModelLoadException($"{client.Model}: {error.Message}", error);
        }
        catch (OperationCanceledException error)
        {
            throw new ModelLoadException($"{client.Model}: the server that runs the model has not answered in time", error);
        }
    }

    /// <summary>Reads what was answered.</summary>
    /// <param name="config">Null where the upstream has no configurations to show.</param>
    /// <exception cref="ModelLoadException">It cannot be read, or says that the model cannot be called so.</exception>
    public static UpstreamMetadata Read(byte[] metadata, byte[]? config)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(metadata);
            JsonElement root = json.RootElement;
            ModelSignature signature = new(Tensors(root, "inputs"), Tensors(root, "outputs"), config is null ? null : BatchSizeOf(config));
            IReadOnlyList<string> versions = root.TryGetProperty("versions", out JsonElement list) && list.ValueKind == JsonValueKind.Array
                ? [.. list.EnumerateArray().Where(each => each.ValueKind == JsonValueKind.String).Select(each => each.GetString()!)]
                : [];
            return new UpstreamMetadata(signature, versions);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new ModelLoadException("what the server that runs the model says of it is no model metadata", error);
        }
    }

    /// <summary>What tells a model from one that takes and gives the same: the address and the versions behind it.</summary>
    public byte[] IdentityAt(Uri model) => Encoding.UTF8.GetBytes($"{model.AbsoluteUri}\n{string.Join('\n', Versions)}");

    private static List<TensorSignature> Tensors(JsonElement root, string section)
    {
        List<TensorSignature> tensors = [];
        foreach (JsonElement tensor in root.GetProperty(section).EnumerateArray())
        {
            string name = tensor.GetProperty("name").GetString() ?? throw new FormatException();
            string type = tensor.GetProperty("datatype").GetString() ?? throw new FormatException();
            long[] dims = [.. tensor.GetProperty("shape").EnumerateArray().Select(each => each.GetInt64())];
            if (dims.Length > TensorShape.MaxRank) throw new ModelLoadException($"'{name}' has {dims.Length} dimensions; at most {TensorShape.MaxRank} can be served");
            if (dims.Any(each => each is 0 or < -1)) throw new FormatException();
            tensors.Add(new TensorSignature(name, DataTypes.Parse(Encoding.UTF8.GetBytes(type)), dims));
        }

        if (tensors.Count == 0) throw new ModelLoadException($"the server that runs the model says that it has no {section}");
        return tensors;
    }

    private static int BatchSizeOf(byte[] config)
    {
        using JsonDocument json = JsonDocument.Parse(config);
        JsonElement root = json.RootElement;
        if (root.TryGetProperty("sequence_batching", out _)) throw new ModelLoadException("the model takes sequences of requests, which cannot be put into batches here");
        if (root.TryGetProperty("model_transaction_policy", out JsonElement policy) && policy.TryGetProperty("decoupled", out JsonElement decoupled) && decoupled.ValueKind == JsonValueKind.True)
        {
            throw new ModelLoadException("the model is decoupled: the number of its answers to a request is not one");
        }

        return root.TryGetProperty("max_batch_size", out JsonElement size) ? size.GetInt32() : 0;
    }
}
