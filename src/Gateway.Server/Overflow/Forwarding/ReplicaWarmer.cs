using Gateway.Core.Overflow.Replicas;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Overflow.Forwarding;

/// <summary>Sends a replica a call of each kind before it is needed: the first one has to connect, and to get its code compiled, which takes longer than a hop may.</summary>
internal sealed class ReplicaWarmer(ReplicaForwarder forwarder, OverflowSettings settings)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    // A message of no bytes: five bytes of prefix.
    private static readonly byte[] NoMessage = new byte[5];
    private static readonly byte[] Nothing = "{}"u8.ToArray();

    /// <summary>Never fails: what is wrong with a replica is found out when it is used.</summary>
    public async Task WarmAsync(Replica replica, CancellationToken stop)
    {
        IHeaderDictionary headers = new HeaderDictionary();
        if (settings.AccessToken is { } token) headers.Authorization = $"Bearer {token}";
        headers.ContentType = "application/octet-stream";
        await SendAsync(new ForwardedCall(HttpMethods.Post, "/v2/health/live", headers, Nothing, IsGrpc: false), replica, stop).ConfigureAwait(false);
        IHeaderDictionary metadata = new HeaderDictionary { ["Content-Type"] = "application/grpc", ["TE"] = "trailers" };
        if (replica.GrpcAddress is not null) await SendAsync(new ForwardedCall(HttpMethods.Post, "/inference.GRPCInferenceService/ServerLive", metadata, NoMessage, IsGrpc: true), replica, stop).ConfigureAwait(false);
        replica.IsWarm = true;
    }

    private async Task SendAsync(ForwardedCall call, Replica replica, CancellationToken stop)
    {
        using ForwardedAnswer answer = await forwarder.SendAsync(call, replica, long.MaxValue, Patience, stop).ConfigureAwait(false);
    }
}
