using System.Text;
using Gateway.Core.Execution;
using Gateway.Core.Models;
using Gateway.Protocol.Tensors;

namespace Gateway.Server.Remote;

/// <summary>What an upstream says of a model: its tensors, from the metadata; how many rows it takes at once, from its configuration where it tells that.</summary>
/// <param name="Signature">Shapes with the batch dimension, where there is one.</param>
/// <param name="Versions">The versions that are served there, as it lists them.</param>
internal sealed record UpstreamMetadata(ModelSignature Signature, IReadOnlyList<string> Versions)
{
    /// <summary>Asks an upstream.</summary>
    /// <exception cref="ModelLoadException">It has no such model, cannot be reached, or says what cannot be read.</exception>
    public static async Task<UpstreamMetadata> AskAsync(UpstreamClient client, CancellationToken cancellation)
    {
        try
        {
            return await client.DescribeAsync(cancellation).ConfigureAwait(false);
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

    public static ModelLoadException Sequences() => new("the model takes sequences of requests, which cannot be put into batches here");

    public static ModelLoadException Decoupled() => new("the model is decoupled: the number of its answers to a request is not one");

    /// <summary>What tells a model from one that takes and gives the same: the address and the versions behind it.</summary>
    public byte[] IdentityAt(Uri model) => Encoding.UTF8.GetBytes($"{model.AbsoluteUri}\n{string.Join('\n', Versions)}");

    /// <exception cref="ModelLoadException">A model of such tensors cannot be called.</exception>
    public static IReadOnlyList<TensorSignature> Checked(IReadOnlyList<TensorSignature> tensors, string section)
    {
        if (tensors.Count == 0) throw new ModelLoadException($"the server that runs the model says that it has no {section}");
        foreach (TensorSignature tensor in tensors)
        {
            if (tensor.Dims.Count > TensorShape.MaxRank) throw new ModelLoadException($"'{tensor.Name}' has {tensor.Dims.Count} dimensions; at most {TensorShape.MaxRank} can be served");
            if (tensor.Dims.Any(each => each is 0 or < -1)) throw new ModelLoadException("what the server that runs the model says of it is no model metadata");
        }

        return tensors;
    }
}
