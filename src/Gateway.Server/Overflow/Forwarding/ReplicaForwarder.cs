using System.Buffers;
using System.Globalization;
using System.Net.Sockets;
using System.Text.Json;
using Gateway.Core.Memory;
using Gateway.Core.Overflow.Replicas;
using Gateway.Core.Overflow.Reports;
using Gateway.Server.Grpc.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Server.Overflow.Forwarding;

/// <summary>Sends a call to a replica, as it came, and collects the answer: only a whole one is an answer.</summary>
/// <remarks>
/// <b>Behaviour</b>: never throws for what a replica does. The answer is held until it is there as a whole, since a call whose answer breaks off can then still be sent
/// elsewhere. <b>Threading</b>: any. <b>Cost</b>: what YARP's forwarder takes; the body is sent from where it lies.
/// </remarks>
/// <param name="origin">This gateway, for the header that keeps a call from being forwarded twice.</param>
/// <param name="mostAnswerBytes">Most bytes of an answer.</param>
internal sealed class ReplicaForwarder(IHttpForwarder forwarder, ReplicaClients clients, BlockPool pool, string origin, long mostAnswerBytes)
{
    private const int MostErrorBytes = 64 << 10;

    private static readonly SearchValues<char> HeaderText = SearchValues.Create(['\t', .. Enumerable.Range(' ', '~' - ' ' + 1).Select(i => (char)i)]);

    // JSON, JSON with tensors after it, and what is generated bit by bit.
    private static readonly string[] ResultTypes = ["application/json", "application/octet-stream", "text/event-stream"];

    /// <param name="remaining">Microseconds left until the deadline; <see cref="long.MaxValue"/> for none.</param>
    /// <param name="hopTimeout">After which the call is given up.</param>
    /// <param name="aborted">Fires when the client has gone.</param>
    /// <returns>To be disposed.</returns>
    public async Task<ForwardedAnswer> SendAsync(ForwardedCall call, Replica replica, long remaining, TimeSpan hopTimeout, CancellationToken aborted)
    {
        ForwardedAnswer answer = new(pool);
        if ((call.IsGrpc ? replica.GrpcAddress : replica.Address) is not { } address)
        {
            // Nothing against it: it is no candidate for this call alone.
            answer.Kind = ForwardedKind.Refused;
            answer.Problem = "it does not serve gRPC";
            return answer;
        }

        using CancellationTokenSource hop = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        hop.CancelAfter(hopTimeout);
        HttpContext context;
        AnswerStream stream;
        ForwarderError error;
        try
        {
            context = MakeContext(call, answer, hop.Token, out stream);
            error = await forwarder.SendAsync(context, address, clients.For(call.IsGrpc), call.IsGrpc ? ReplicaClients.Grpc : ReplicaClients.Http, new ReplicaTransformer(origin, HostFor(replica, address), remaining, hopTimeout, call.IsGrpc), hop.Token).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Whatever a replica brings about is no more than its failure.
        catch (Exception thrown)
#pragma warning restore CA1031
        {
            answer.Kind = aborted.IsCancellationRequested ? ForwardedKind.Abandoned : hop.IsCancellationRequested ? ForwardedKind.TimedOut : ForwardedKind.Failed;
            answer.Problem = thrown.Message;
            return answer;
        }

        answer.Status = context.Response.StatusCode;
        answer.Headers = context.Response.Headers;
        if (error != ForwarderError.None) Explain(answer, context, error, stream, hopTimeout, hop.Token, aborted);
        else Judge(answer, call.IsGrpc, replica.IsForeign, call.IsInference);
        return answer;
    }

    /// <summary>The name to ask for at an address that was looked up, gRPC's with its own port.</summary>
    private static string? HostFor(Replica replica, string address)
    {
        if (replica.Host is not { } host || ReferenceEquals(address, replica.Address)) return replica.Host;
        Uri grpc = new(address);
        return grpc.Host == new Uri(replica.Address).Host ? $"{new Uri("http://" + host).Host}:{grpc.Port.ToString(CultureInfo.InvariantCulture)}" : null;
    }

    private DefaultHttpContext MakeContext(ForwardedCall call, ForwardedAnswer answer, CancellationToken gone, out AnswerStream stream)
    {
        stream = new AnswerStream(answer.Body, mostAnswerBytes);
        FeatureCollection features = new();
        int query = call.Target.IndexOf('?', StringComparison.Ordinal);
        features.Set<IHttpRequestFeature>(new HttpRequestFeature
        {
            Method = call.Method,
            Scheme = Uri.UriSchemeHttp,
            Protocol = call.IsGrpc ? HttpProtocol.Http2 : HttpProtocol.Http11,
            Path = PathString.FromUriComponent(query < 0 ? call.Target : call.Target[..query]),
            QueryString = query < 0 ? "" : call.Target[query..],
            RawTarget = call.Target,
            Headers = call.Headers,
            Body = new BufferedBody(call.Body).Reader.AsStream(),
        });
        features.Set<IHttpRequestBodyDetectionFeature>(new BodyDetection(call.Body.Length > 0));
        features.Set<IHttpRequestLifetimeFeature>(new HttpRequestLifetimeFeature { RequestAborted = gone });
        features.Set<IHttpResponseFeature>(new HttpResponseFeature());
        features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(stream));
        features.Set<IHttpResponseTrailersFeature>(new AnswerTrailers(answer.Trailers));
        return new DefaultHttpContext(features);
    }

    private static void Explain(ForwardedAnswer answer, HttpContext context, ForwarderError error, AnswerStream stream, TimeSpan hopTimeout, CancellationToken hop, CancellationToken aborted)
    {
        Exception? cause = context.Features.Get<IForwarderErrorFeature>()?.Exception;
        if (aborted.IsCancellationRequested)
        {
            answer.Kind = ForwardedKind.Abandoned;
        }
        else if (hop.IsCancellationRequested)
        {
            answer.Kind = ForwardedKind.TimedOut;
            answer.Problem = $"no answer within {hopTimeout.TotalMilliseconds:0} ms";
        }
        else if (stream.HasNoMemory || error == ForwarderError.RequestCreation)
        {
            // Nothing against the replica: it is this gateway that cannot take the answer, or the request that cannot be sent on.
            answer.Kind = ForwardedKind.Refused;
            answer.Problem = stream.HasNoMemory ? "there is no memory for its answer" : $"the request cannot be sent on: {cause?.GetBaseException().Message}";
        }
        else if (stream.IsTooLong)
        {
            answer.Kind = ForwardedKind.Failed;
            answer.Problem = "its answer is longer than may be";
        }
        else
        {
            answer.Kind = cause?.GetBaseException() is SocketException { SocketErrorCode: SocketError.ConnectionRefused } ? ForwardedKind.Unreachable : ForwardedKind.Failed;
            answer.Problem = cause is null ? error.ToString() : $"{error}: {cause.GetBaseException().Message}";
        }
    }

    /// <summary>Tells answers from refusals, and both from what is no answer of a gateway.</summary>
    internal static void Judge(ForwardedAnswer answer, bool isGrpc, bool isForeign, bool isInference = true)
    {
        string load = answer.Headers[OverflowHeaders.Load].ToString();
        if (load.Length == 0) load = answer.Trailers[OverflowHeaders.Load].ToString();
        answer.Load = LoadReport.ParseHeader(load);
        answer.Headers.Remove(OverflowHeaders.Load);
        answer.Trailers.Remove(OverflowHeaders.Load);
        if (!IsText(answer.Headers) || !IsText(answer.Trailers))
        {
            Fail(answer, "a header of its answer is not printable ASCII");
            return;
        }

        int grpcStatus = -1;
        if (isGrpc && !int.TryParse((answer.Trailers.TryGetValue("grpc-status", out var status) ? status : answer.Headers["grpc-status"]).ToString(), out grpcStatus))
        {
            answer.Kind = ForwardedKind.Failed;
            answer.Problem = $"status {answer.Status} without a gRPC status";
            return;
        }

        if (grpcStatus == (int)GrpcStatus.Ok && !MessagePrefix.IsOfOneMessage(answer.Body.Written))
        {
            Fail(answer, "its answer is not one whole message");
            return;
        }

        bool isUnavailable = isGrpc ? grpcStatus == (int)GrpcStatus.Unavailable : answer.Status == StatusCodes.Status503ServiceUnavailable;
        bool isUnknown = isGrpc ? grpcStatus == (int)GrpcStatus.NotFound : answer.Status == StatusCodes.Status404NotFound;

        // A limit of the client's own is an answer; it is no different elsewhere.
        if (isUnavailable || isUnknown) answer.Kind = ForwardedKind.Refused;
        else if (answer.Load is null && !isForeign && IsOfTheRequest(answer.Status, grpcStatus)) answer.Kind = ForwardedKind.Refused;
        else if (answer.Load is null && answer.Status >= StatusCodes.Status500InternalServerError && !(isForeign && IsProtocolsError(answer))) Fail(answer, $"status {answer.Status}");
        else if (!isInference) answer.Kind = ForwardedKind.Answered;
        else if (answer.Load is null && !isForeign) Fail(answer, "what it answers is not from a gateway");
        else if (isForeign && !isGrpc && answer.Status < StatusCodes.Status400BadRequest && !IsOfTheProtocol(answer)) Fail(answer, $"status {answer.Status} with a body of '{answer.Headers.ContentType}'");
        else answer.Kind = ForwardedKind.Answered;
    }

    /// <summary>Whether an answer that does not come from the inference protocol is about the request: an unknown key, headers that are too long. That is nothing against the replica.</summary>
    private static bool IsOfTheRequest(int status, int grpcStatus) =>
        status is >= StatusCodes.Status400BadRequest and < StatusCodes.Status500InternalServerError
        || grpcStatus is (int)GrpcStatus.InvalidArgument or (int)GrpcStatus.PermissionDenied or (int)GrpcStatus.ResourceExhausted or (int)GrpcStatus.Unauthenticated;

    /// <summary>Whether a result is in one of the protocol's forms, and no page of something else that listens there; one that does not say so is believed.</summary>
    private static bool IsOfTheProtocol(ForwardedAnswer answer)
    {
        string type = answer.Headers.ContentType.ToString();
        return answer.Status == StatusCodes.Status200OK && (type.Length == 0 || ResultTypes.Any(each => type.StartsWith(each, StringComparison.OrdinalIgnoreCase)));
    }

    /// <summary>Whether an error is in the protocol's own words, and so about the request: some servers say so of a model that fails with 500.</summary>
    private static bool IsProtocolsError(ForwardedAnswer answer)
    {
        if (answer.Status != StatusCodes.Status500InternalServerError || answer.Body.Length > MostErrorBytes) return false;
        try
        {
            Utf8JsonReader reader = new(answer.Body.Written);
            using JsonDocument json = JsonDocument.ParseValue(ref reader);
            return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("error", out JsonElement error) && error.ValueKind == JsonValueKind.String;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // The latter of names and strings that are no Unicode.
            return false;
        }
    }

    /// <summary>Whether headers are of characters that can be passed on.</summary>
    private static bool IsText(IHeaderDictionary headers)
    {
        foreach (var header in headers)
        {
            foreach (string? value in header.Value)
            {
                if (value is not null && value.AsSpan().ContainsAnyExcept(HeaderText)) return false;
            }
        }

        return true;
    }

    private static void Fail(ForwardedAnswer answer, string problem)
    {
        answer.Kind = ForwardedKind.Failed;
        answer.Problem = problem;
    }

    private sealed class BodyDetection(bool hasBody) : IHttpRequestBodyDetectionFeature
    {
        public bool CanHaveBody => hasBody;
    }

    private sealed class AnswerTrailers(IHeaderDictionary trailers) : IHttpResponseTrailersFeature
    {
        public IHeaderDictionary Trailers { get; set; } = trailers;
    }
}
