using System.Net;
using Gateway.Core.Execution;
using Gateway.Core.Models;
using Gateway.Core.Overflow.Replicas;
using Gateway.Server.Remote.Http;

namespace Gateway.Server.Overflow.Forwarding;

/// <summary>Asks replicas what they take for a model, and give.</summary>
internal sealed class ReplicaModels(ReplicaClients clients, OverflowSettings settings)
{
    private const int MostMetadataBytes = 1 << 20;

    /// <summary>Asks for the metadata of a model.</summary>
    /// <returns>Null where it has none, or none that can be read.</returns>
    /// <exception cref="HttpRequestException">It cannot be asked.</exception>
    /// <exception cref="OperationCanceledException">It has not answered in time.</exception>
    public async Task<ModelSignature?> AskAsync(Replica replica, string model, CancellationToken stop)
    {
        using HttpResponseMessage answer = await SendAsync(replica, HttpMethod.Get, $"/v2/models/{Uri.EscapeDataString(model)}", stop).ConfigureAwait(false);
        if (!answer.IsSuccessStatusCode) return null;
        await answer.Content.LoadIntoBufferAsync(MostMetadataBytes, stop).ConfigureAwait(false);
        try
        {
            return JsonMetadata.Read(await answer.Content.ReadAsByteArrayAsync(stop).ConfigureAwait(false), config: null).Signature;
        }
        catch (ModelLoadException)
        {
            return null;
        }
    }

    /// <summary>Asks it anything.</summary>
    /// <returns>To be disposed.</returns>
    public async Task<HttpResponseMessage> SendAsync(Replica replica, HttpMethod method, string path, CancellationToken stop)
    {
        using HttpRequestMessage request = new(method, replica.Address.TrimEnd('/') + path) { Version = HttpVersion.Version11 };
        request.Headers.Host = replica.Host;
        if (method == HttpMethod.Post) request.Content = new StringContent("{}", System.Text.Encoding.UTF8, "application/json");
        if (settings.AccessToken is { } token) request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {token}");
        return await clients.For(isGrpc: false).SendAsync(request, stop).ConfigureAwait(false);
    }
}
