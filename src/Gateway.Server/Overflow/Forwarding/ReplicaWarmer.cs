using Gateway.Core.Overflow;
using Gateway.Core.Overflow.Replicas;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Overflow.Forwarding;

/// <summary>Sends a replica an inference over one transport before any is needed there, or again: the first one has to connect, and to get its code compiled at both ends, which takes longer than a hop may.</summary>
/// <remarks>
/// <b>Behaviour</b>: a gateway gets a request of zeros for the model that it would answer soonest, or the next soonest of four where that one takes none; it runs it as any, counts it as none, and keeps nothing of it. What is no gateway, or has no model that zeros can
/// be sent to, is asked whether it is ready. Any answer will do, a refusal as well: it is the way there that is tried, and the code.
/// </remarks>
internal sealed class ReplicaWarmer(ReplicaForwarder forwarder, ReplicaModels models, OverflowSettings settings)
{
    // What compiles may take a second; what takes longer is tried again, and has compiled by then. Beside that, twice what the replica says that it takes.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    // What takes longer than this is not sent a request of zeros.
    private const uint LongestCompletion = 30_000_000;

    // Each is asked what it takes, one after the other, within one time.
    private const int MostModels = 4;

    // A message of no bytes: five bytes of prefix.
    private static readonly byte[] NoMessage = new byte[5];

    /// <returns>Null when it has answered; else why it has not.</returns>
    public async Task<string?> WarmAsync(Replica replica, ReplicaTransport transport, CancellationToken stop)
    {
        try
        {
            bool isGrpc = transport == ReplicaTransport.Grpc;
            (ForwardedCall call, TimeSpan completion) = await MakeInferAsync(replica, isGrpc, stop).ConfigureAwait(false) ?? (MakeQuestion(isGrpc), TimeSpan.Zero);
            using ForwardedAnswer answer = await forwarder.SendAsync(call, replica, OverflowQuestion.Never, Patience + (2 * completion), stop).ConfigureAwait(false);
            bool isAnswer = answer.Kind is ForwardedKind.Answered or ForwardedKind.Refused && answer.Status != 0;
            return isAnswer ? null : answer.Problem.Length > 0 ? answer.Problem : answer.Kind.ToString();
        }
        catch (Exception error) when (error is HttpRequestException or IOException or InvalidOperationException or OperationCanceledException)
        {
            return error.GetBaseException().Message;
        }
    }

    /// <returns>Null where there is no model that a request can be made for, with the time that the model is to take.</returns>
    private async Task<(ForwardedCall Call, TimeSpan Completion)?> MakeInferAsync(Replica replica, bool isGrpc, CancellationToken stop)
    {
        if (replica.IsForeign) return null;
        using CancellationTokenSource late = CancellationTokenSource.CreateLinkedTokenSource(stop);
        late.CancelAfter(Patience);
        foreach ((string model, TimeSpan completion) in Soonest(replica))
        {
            if (await TryMakeInferAsync(replica, model, isGrpc, late.Token).ConfigureAwait(false) is { } call) return (call, completion);
        }

        return null;
    }

    private async Task<ForwardedCall?> TryMakeInferAsync(Replica replica, string model, bool isGrpc, CancellationToken stop)
    {
        if (await models.AskAsync(replica, model, stop).ConfigureAwait(false) is not { } signature || ZeroRequest.For(model, signature) is not { } request || !(isGrpc || request.FitsJson)) return null;
        IHeaderDictionary headers = HeadersFor(isGrpc);
        headers[OverflowHeaders.WarmUp] = "1";
        headers.CacheControl = "no-cache, no-store";
        if (isGrpc) return new ForwardedCall(HttpMethods.Post, "/inference.GRPCInferenceService/ModelInfer", headers, request.ToGrpc(), isGrpc);
        byte[] json = request.ToJson();

        // Only one that says how small it is passes its tenant's limits.
        headers.ContentLength = json.Length;
        return new ForwardedCall(HttpMethods.Post, $"/v2/models/{Uri.EscapeDataString(model)}/infer", headers, json, isGrpc);
    }

    private ForwardedCall MakeQuestion(bool isGrpc) => isGrpc
        ? new ForwardedCall(HttpMethods.Post, "/inference.GRPCInferenceService/ServerReady", HeadersFor(isGrpc), NoMessage, isGrpc, IsInference: false)
        : new ForwardedCall(HttpMethods.Get, "/v2/health/ready", HeadersFor(isGrpc), ReadOnlyMemory<byte>.Empty, isGrpc, IsInference: false);

    private IHeaderDictionary HeadersFor(bool isGrpc)
    {
        IHeaderDictionary headers = new HeaderDictionary();
        headers.ContentType = isGrpc ? "application/grpc" : "application/json";
        if (isGrpc) headers.TE = "trailers";
        if (settings.AccessToken is { } token) headers.Authorization = $"Bearer {token}";
        return headers;
    }

    /// <returns>The models that it would answer soonest, with the time that each takes, those aside that are not worth the wait.</returns>
    internal static IReadOnlyList<(string Model, TimeSpan Completion)> Soonest(Replica replica) =>
    [
        .. replica.Queues
            .Where(static each => each.Key.Version == 0 && each.Value.Report is { CompletionMicroseconds: < LongestCompletion })
            .Select(static each => (each.Key.Name, TimeSpan.FromMicroseconds(each.Value.Report!.CompletionMicroseconds)))
            .OrderBy(static each => each.Item2)
            .Take(MostModels),
    ];
}
