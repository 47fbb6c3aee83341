using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using Gateway.Client.Calls;
using Gateway.Client.Messages;
using Gateway.Protocol;
using Gateway.Protocol.Frames;
using Gateway.Protocol.MessagePack;

namespace Gateway.Client.Http;

/// <summary>One call over HTTP.</summary>
/// <remarks>
/// <b>Threading</b>: whoever comes first ends the call, the exchange or whoever abandons it. <b>Ownership</b>: the request is written into a buffer of the pool when
/// the exchange starts, and not touched after that. <b>Cost</b>: what the framework's client allocates.
/// </remarks>
internal sealed class HttpExchange : ICallCarrier
{
    public const string ContentType = "application/msgpack";

    private const int FirstBuffer = 4096;

    private static readonly MediaTypeHeaderValue MediaType = new(ContentType);

    private readonly HttpEndpoint _endpoint;
    private readonly PendingCall _call;
    private readonly long _deadline;
    private readonly MessageKind _kind;
    private readonly CancellationTokenSource _ending;
    private int _isEnded;

    public HttpExchange(HttpEndpoint endpoint, PendingCall call, CancellationToken closing)
    {
        _endpoint = endpoint;
        _call = call;
        _kind = call.Kind;
        _deadline = call.Deadline;
        _ending = CancellationTokenSource.CreateLinkedTokenSource(closing);
    }

    public void Start()
    {
        byte[]? body = null;
        HttpRequestMessage message;
        try
        {
            _call.Carrier = this;
            message = MakeRequest(out body);
        }
#pragma warning disable CA1031 // Whatever is wrong with a request is its call's failure.
        catch (Exception error)
#pragma warning restore CA1031
        {
            if (body is not null) ArrayPool<byte>.Shared.Return(body);
            End(default, new CallFailure(FailureKind.Final, error), isBroken: false);
            return;
        }

        _ = RunAsync(message, body, _call.MicrosecondsLeft(_endpoint.Options.TimeProvider));
    }

    public void Abandon(PendingCall call, CallFailure failure)
    {
        if (!End(default, failure, isBroken: false)) return;
        try
        {
            _ending.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The answer has just come.
        }
    }

    private HttpRequestMessage MakeRequest(out byte[]? body)
    {
        body = null;
        string path = _call.ModelName is not { } name ? "v2" : $"v2/models/{Uri.EscapeDataString(name)}";
        if (!string.IsNullOrEmpty(_call.ModelVersion)) path += $"/versions/{Uri.EscapeDataString(_call.ModelVersion)}";
        if (_kind is MessageKind.Ready) path += _call.ModelName is null ? "/health/ready" : "/ready";
        if (_kind is MessageKind.Ping) path += "/health/live";
        if (_kind is not MessageKind.Infer) return new HttpRequestMessage(HttpMethod.Get, path);
        long left = _call.MicrosecondsLeft(_endpoint.Options.TimeProvider);
        int bytes = checked((int)_call.BodyBytes(left));
        body = ArrayPool<byte>.Shared.Rent(bytes);
        MessagePackWriter writer = new(body);
        _call.WriteBody(ref writer, left);
        ByteArrayContent content = new(body, 0, writer.Position);
        content.Headers.ContentType = MediaType;
        return new HttpRequestMessage(HttpMethod.Post, $"{path}/infer") { Content = content };
    }

    private async Task RunAsync(HttpRequestMessage message, byte[]? body, long microsecondsLeft)
    {
        Answer answer = default;
        CallFailure? failure = null;
        bool isBroken = false;
        bool mayReuse = false;
        using CancellationTokenSource late = new(microsecondsLeft > 0 ? TimeSpan.FromMicroseconds(microsecondsLeft) : Timeout.InfiniteTimeSpan, _endpoint.Options.TimeProvider);
        using CancellationTokenRegistration link = late.Token.UnsafeRegister(static exchange => ((HttpExchange)exchange!).Expire(), this);
        try
        {
            using HttpResponseMessage response = await _endpoint.Client.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, _ending.Token).ConfigureAwait(false);
            answer = await ReadAsync(response.Content).ConfigureAwait(false);
            mayReuse = true;
            if (_kind == MessageKind.Ready)
            {
                answer.Return();
                answer = ReadyAnswer(response.StatusCode);
            }
            else if (!response.IsSuccessStatusCode)
            {
                failure = Failures.Of(ReadError(response, answer), _endpoint);
                answer.Return();
                answer = default;
            }
        }
        catch (HttpRequestException error)
        {
            isBroken = true;
            bool isUnsent = error.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError;
            FailureKind kind = isUnsent ? FailureKind.NotBegun : FailureKind.Unanswered;
            failure = new CallFailure(kind, new InferenceConnectionException($"The exchange with {_endpoint.Address} failed: {error.Message}", !isUnsent, error)) { Where = _endpoint };
        }
        catch (InferenceException error)
        {
            failure = new CallFailure(FailureKind.Final, error);
        }
        catch (OperationCanceledException) when (_endpoint.IsDisposed)
        {
            failure = CallFailure.Disposed();
        }
#pragma warning disable CA1031 // Whatever goes wrong is this call's failure.
        catch (Exception error)
#pragma warning restore CA1031
        {
            isBroken = error is IOException;
            failure = new CallFailure(FailureKind.Unanswered, new InferenceConnectionException($"The exchange with {_endpoint.Address} failed: {error.Message}", true, error)) { Where = _endpoint };
        }

        message.Dispose();

        // After a failure the framework may still be sending from it.
        if (body is not null && mayReuse) ArrayPool<byte>.Shared.Return(body);
        if (!End(answer, failure, isBroken)) answer.Return();
        _ending.Dispose();
    }

    private void Expire() => Abandon(_call, CallFailure.Expired());

    private async ValueTask<Answer> ReadAsync(HttpContent content)
    {
        long most = _endpoint.Options.MaxAnswerBytes;
        long? announced = content.Headers.ContentLength;
        if (announced > most) throw AnswerReader.Malformed($"{announced} bytes, where at most {most} are taken");
        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)(announced ?? FirstBuffer));
        int length = 0;
        using Stream stream = await content.ReadAsStreamAsync(_ending.Token).ConfigureAwait(false);
        while (true)
        {
            int received = await stream.ReadAsync(buffer.AsMemory(length), _ending.Token).ConfigureAwait(false);
            length += received;
            if (received == 0 || length == announced) return new Answer(_kind, buffer, 0, length);
            if (length < buffer.Length) continue;
            if (length >= most) throw AnswerReader.Malformed($"more than {most} bytes");
            byte[] larger = ArrayPool<byte>.Shared.Rent(2 * length);
            buffer.CopyTo(larger, 0);
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = larger;
        }
    }

    /// <summary>The status of a readiness route says it all; as the map that frames have.</summary>
    private static Answer ReadyAnswer(HttpStatusCode status)
    {
        byte[] map = ArrayPool<byte>.Shared.Rent(16);
        MessagePackWriter writer = new(map);
        writer.WriteMapHeader(1);
        writer.WriteString("ready"u8);
        writer.WriteBoolean(status == HttpStatusCode.OK);
        return new Answer(MessageKind.Ready, map, 0, writer.Position);
    }

    private static InferenceException ReadError(HttpResponseMessage response, in Answer answer)
    {
        if (response.Content.Headers.ContentType?.MediaType == ContentType) return AnswerReader.ReadError(answer.Body);

        // From something in between, or an older server: its status has to do.
        StatusCode status = response.StatusCode switch
        {
            HttpStatusCode.BadRequest => StatusCode.InvalidArgument,
            HttpStatusCode.Unauthorized => StatusCode.Unauthenticated,
            HttpStatusCode.Forbidden => StatusCode.PermissionDenied,
            HttpStatusCode.NotFound => StatusCode.NotFound,
            HttpStatusCode.ServiceUnavailable => StatusCode.Unavailable,
            HttpStatusCode.TooManyRequests => StatusCode.ResourceExhausted,
            HttpStatusCode.NotImplemented => StatusCode.Unsupported,
            _ => StatusCode.Unknown,
        };
        return new InferenceException(status, $"HTTP {(int)response.StatusCode} {response.ReasonPhrase}") { RetryAfter = response.Headers.RetryAfter?.Delta };
    }

    /// <returns>False when the call has ended already.</returns>
    private bool End(Answer answer, CallFailure? failure, bool isBroken)
    {
        if (Interlocked.Exchange(ref _isEnded, 1) != 0) return false;
        _endpoint.OnEnded(isBroken);
        if (failure is null) _call.OnAnswer(answer);
        else _call.OnFailed(failure);
        return true;
    }
}
