using System.IO.Pipelines;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Repository;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.Server.Grpc.Inference;
using Gateway.Server.Grpc.Wire;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Gateway.Server.Grpc;

/// <summary>One call, on one HTTP/2 stream of Kestrel's, and what an inference needs; used again with the stream.</summary>
/// <remarks>
/// <b>Threading</b>: one call at a time. <b>Ownership</b>: <see cref="Clear"/> gives back whatever is left of the request and its memory.
/// <b>Cost</b>: Kestrel's stream is its own set of features, so they are looked up once, not a call.
/// </remarks>
internal sealed class GrpcCall(IFeatureCollection features, BlockPool pool, TimeProvider time)
{
    /// <summary>Of every call and answer; what encodes the messages may follow it.</summary>
    public const string ContentType = "application/grpc";

    /// <summary>Most bytes of an answer that are left to the web server to send, whether the client takes them or not: waiting for each would cost every call.</summary>
    public const int MostUnwatched = 16 * 1024;

    // HTTP/2's CANCEL.
    private const int CancelledCode = 8;

    private readonly IHttpRequestFeature _request = features.GetRequiredFeature<IHttpRequestFeature>();
    private readonly IHttpResponseFeature _response = features.GetRequiredFeature<IHttpResponseFeature>();
    private readonly IHttpResponseBodyFeature _responseBody = features.GetRequiredFeature<IHttpResponseBodyFeature>();
    private readonly IHttpResponseTrailersFeature? _trailers = features.Get<IHttpResponseTrailersFeature>();
    private readonly IRequestBodyPipeFeature _requestBody = features.GetRequiredFeature<IRequestBodyPipeFeature>();
    private readonly IHttpRequestLifetimeFeature _lifetime = features.GetRequiredFeature<IHttpRequestLifetimeFeature>();
    private CallTimer? _timer;

    public string Path => _request.Path;

    public string Method => _request.Method;

    public IHeaderDictionary Headers => _request.Headers;

    public IHeaderDictionary ResponseHeaders => _response.Headers;

    public PipeReader Body => _requestBody.Reader;

    public PipeWriter Output => _responseBody.Writer;

    /// <summary>Fires when the client cancels the call, or is gone.</summary>
    public CancellationToken Aborted => _lifetime.RequestAborted;

    public bool HasStarted => _response.HasStarted;

    /// <summary>The time that the client gives the call, in microseconds from its arrival; 0 for none.</summary>
    public long TimeoutMicroseconds { get; set; }

    /// <summary>When it came; a timestamp of the engine's clock.</summary>
    public long Arrival { get; set; }

    /// <summary>Microseconds since its arrival; 0 for a call that has all the time there is.</summary>
    public long SpentMicroseconds => TimeoutMicroseconds == 0 ? 0 : (long)time.GetElapsedTime(Arrival).TotalMicroseconds;

    /// <summary>The engine's clock.</summary>
    public TimeProvider Time => time;

    /// <summary>What is left of its time, perhaps nothing; null for a call that has all the time there is.</summary>
    public TimeSpan? TimeLeft => TimeoutMicroseconds == 0 ? null : TimeSpan.FromMicroseconds(Math.Max(0, TimeoutMicroseconds - SpentMicroseconds));

    /// <summary>Bytes of an answer that have been written and not flushed.</summary>
    public long Unflushed { get; set; }

    public GrpcMessageReader Reader { get; } = new(pool, features.Get<GatherShare>());

    /// <summary>Ends the call when it takes too long.</summary>
    public CallTimer Timer => _timer ??= new CallTimer(this);

    public InferMessage Message { get; } = new();

    public AnswerPlan Plan { get; } = new(pool);

    /// <summary>The request of a call for an inference, until its answer is written.</summary>
    public InferenceRequest? Request { get; set; }

    /// <summary>Why the request was refused before it was read; its reason is None where it was not.</summary>
    public EarlyRefusal Refusal { get; set; }

    /// <summary>Which of its tenant's limits the call exceeds; its reason is None where it does not.</summary>
    public TenantRefusal Over { get; set; }

    /// <summary>What has let it in as a large load; null for the others.</summary>
    public LargeLoads? Large { get; set; }

    /// <summary>Whose call it is, from its being let in until its request is.</summary>
    public Tenant? Tenant { get; set; }

    /// <summary>Its message, while it may be answered by another server; null for the others.</summary>
    public KeptMessage? Kept { get; set; }

    /// <summary>The model whose load the gateway is told that has forwarded the call; null for calls that come from clients.</summary>
    public ServedModel? LoadOf { get; set; }

    /// <summary>Answers with an HTTP status: what is asked is no gRPC.</summary>
    public void Refuse(int httpStatus) => _response.StatusCode = httpStatus;

    /// <summary>Says that messages of an answer follow.</summary>
    public void Begin() => _response.Headers.ContentType = ContentType;

    /// <summary>Sends the headers of an answer whose messages come later.</summary>
    public Task StartAsync()
    {
        Begin();
        return _responseBody.StartAsync();
    }

    /// <summary>Has a read that waits return, or the next one.</summary>
    public void CancelRead()
    {
        try
        {
            Body.CancelPendingRead();
        }
        catch (Exception error) when (error is IOException or OperationCanceledException or ConnectionAbortedException)
        {
            // The stream has been reset, or its connection is lost: reads fail by themselves.
        }
    }

    /// <summary>Reads on; <see cref="EndRead"/> is to follow.</summary>
    /// <param name="isStream">Whether the client may be silent between messages.</param>
    public ValueTask<ReadResult> ReadAsync(bool isStream = false)
    {
        ValueTask<ReadResult> read = Body.ReadAsync();
        if (!read.IsCompleted) Timer.BeginRead(Reader, isTimed: !isStream || Reader.HasBegun, TimeLeft);
        return read;
    }

    /// <summary>More has come, or the read was cancelled.</summary>
    /// <exception cref="GrpcException">The call's time is over, or the client too slow.</exception>
    public void EndRead() => _timer?.EndRead();

    /// <summary>Waits until the client has taken what was written; if it does not, its stream is reset.</summary>
    /// <param name="bytes">How much that is.</param>
    public async ValueTask FlushAsync(long bytes)
    {
        ValueTask<FlushResult> flush = Output.FlushAsync();
        if (flush.IsCompleted)
        {
            flush.GetAwaiter().GetResult();
            return;
        }

        Timer.BeginFlush(bytes);
        await flush.ConfigureAwait(false);
        Timer.EndFlush();
    }

    /// <summary>Ends the call without an answer.</summary>
    public void Reset() => features.Get<IHttpResetFeature>()?.Reset(CancelledCode);

    /// <summary>Ends the call well: after the messages.</summary>
    public void Succeed() => Trail("grpc-status", GrpcStatus.Ok.Text());

    /// <summary>Ends the call with a status: in the trailers, or in the headers when nothing has been sent.</summary>
    public void Fail(GrpcStatus status, string message)
    {
        if (!HasStarted) Begin();
        Trail("grpc-status", status.Text());
        if (message.Length > 0) Trail("grpc-message", StatusMessage.Encode(message));
    }

    /// <summary>Tells a refused client why, and when to come back.</summary>
    /// <param name="reason">As on the wire; null for none.</param>
    public void Explain(string? reason, TimeSpan? retryAfter)
    {
        if (reason is not null) Trail("inference-refusal", reason);
        if (retryAfter is { } after) Trail("grpc-retry-pushback-ms", Math.Ceiling(after.TotalMilliseconds).ToString(System.Globalization.CultureInfo.InvariantCulture));
    }

    /// <summary>Adds metadata to the end of the answer.</summary>
    public void Trail(string name, string value)
    {
        if ((HasMessages || HasStarted) && _trailers is not null) _trailers.Trailers[name] = value;
        else _response.Headers[name] = value;
    }

    /// <summary>Whether messages have been written: what follows goes to the trailers.</summary>
    public bool HasMessages { get; set; }

    /// <summary>Cancels the request when the client does; set while the engine has it.</summary>
    public CancellationTokenRegistration Watch { get; set; }

    /// <summary>Once this returns nobody cancels the request any more, which may soon be someone else's.</summary>
    public void Unwatch()
    {
        Watch.Dispose();
        Watch = default;
    }

    public void Clear()
    {
        Request?.Dispose();
        Request = null;
        Kept?.Dispose();
        Kept = null;
        LoadOf = null;
        Refusal = default;
        Over = default;
        Large?.Leave();
        Large = null;
        Tenant?.Leave();
        Tenant = null;
        _timer?.Clear();
        Reader.Clear();
        Plan.Clear();
        HasMessages = false;
        Unflushed = 0;
        TimeoutMicroseconds = 0;
    }
}
