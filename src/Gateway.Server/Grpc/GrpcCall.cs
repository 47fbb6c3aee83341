using System.IO.Pipelines;
using Gateway.Core.Caching;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Repository;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.Protocol.Http2;
using Gateway.Server.Calls;
using Gateway.Server.Grpc.Http2;
using Gateway.Server.Grpc.Inference;
using Gateway.Server.Grpc.Wire;
using Gateway.Server.OpenInference;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Grpc;

/// <summary>One call, on one stream of a connection, and what an inference needs; used again with the stream.</summary>
/// <remarks>
/// <b>Threading</b>: one call at a time. <b>Ownership</b>: <see cref="Clear"/> gives back whatever is left of the request and its memory; what is answered is kept until it is sent.
/// </remarks>
/// <param name="share">What the connection's calls hold together of messages that have not arrived whole.</param>
internal sealed class GrpcCall(Http2Stream stream, BlockPool pool, GatherShare share, TimeProvider time) : RequestFlight
{
    /// <summary>Of every call and answer; what encodes the messages may follow it.</summary>
    public const string ContentType = "application/grpc";

    /// <summary>Most bytes of an answer that are left to the connection to send, whether the client takes them or not: waiting for each would cost every call.</summary>
    public const int MostUnwatched = 16 * 1024;

    private readonly List<(string Name, string Value)> _trail = [];
    private HeaderDictionary? _responseHeaders;
    private CallTimer? _timer;
    private int _httpStatus = StatusCodes.Status200OK;
    private bool _hasBegun;
    private CacheUse? _cacheUse;
    private GrpcStatus? _status;
    private string _message = "";

    public Http2Stream Stream => stream;

    /// <summary>What takes it off the wire and answers it; null for calls that are served otherwise, or refused.</summary>
    public DirectMethod? Direct { get; set; }

    /// <summary>Whether it is a direct call of which something has still to come; the reader's.</summary>
    public bool IsRead { get; set; }

    public string Path => stream.Fields.Path;

    public RequestFields Headers => stream.Fields;

    public IHeaderDictionary ResponseHeaders => _responseHeaders ??= [];

    public PipeReader Body => stream.Input!;

    public PipeWriter Output => stream.Output!;

    /// <summary>Fires when the client cancels the call, or is gone.</summary>
    public CancellationToken Aborted => stream.Aborted;

    public bool HasStarted => stream.IsStarted;

    /// <summary>The time that the client gives the call, in microseconds from its arrival; 0 for none.</summary>
    public long TimeoutMicroseconds { get; set; }

    /// <summary>When it came; a timestamp of the engine's clock.</summary>
    public long Arrival { get; set; }

    /// <summary>Microseconds since its arrival; 0 for a call that has all the time there is.</summary>
    public long SpentMicroseconds => TimeoutMicroseconds == 0 ? 0 : (long)time.GetElapsedTime(Arrival).TotalMicroseconds;

    /// <summary>The engine's clock.</summary>
    public TimeProvider Time => time;

    /// <summary>What its metadata say of the cache; read once.</summary>
    /// <exception cref="Protocol.InferenceException">They have none of the words.</exception>
    public CacheUse CacheUse => _cacheUse ??= CacheHeaders.Read(Headers);

    /// <summary>What is left of its time, perhaps nothing; null for a call that has all the time there is.</summary>
    public TimeSpan? TimeLeft => TimeoutMicroseconds == 0 ? null : TimeSpan.FromMicroseconds(Math.Max(0, TimeoutMicroseconds - SpentMicroseconds));

    /// <summary>Whether its client may take its time with what it is sent, as long as <see cref="CallTimer.StreamGrace"/>.</summary>
    public bool IsStream { get; set; }

    /// <summary>Bytes of an answer that have been written and not flushed.</summary>
    public long Unflushed { get; set; }

    public GrpcMessageReader Reader { get; } = new(pool, share);

    /// <summary>Ends the call when it takes too long.</summary>
    public CallTimer Timer => _timer ??= new CallTimer(this);

    public InferMessage Message { get; } = new();

    public AnswerPlan Plan { get; } = new(pool);

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
    public void Refuse(int httpStatus) => _httpStatus = httpStatus;

    /// <summary>Says that messages of an answer follow.</summary>
    public void Begin() => _hasBegun = true;

    /// <summary>Sends the headers of an answer whose messages come later.</summary>
    public Task StartAsync()
    {
        Begin();
        stream.Start();
        stream.Post();
        return Task.CompletedTask;
    }

    /// <summary>Has a read that waits return, or the next one.</summary>
    public void CancelRead()
    {
        if (Direct is not null)
        {
            stream.Connection.Attend(stream);
            return;
        }

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

    /// <summary>Waits for more of a direct call's message; <see cref="EndRead"/> is to follow.</summary>
    public void AwaitMore() => Timer.BeginRead(Reader, isTimed: true, TimeLeft);

    /// <summary>Whether the wait is to be ended.</summary>
    public bool HasTimedOut => _timer is { End: not CallEnd.None };

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
    public void Reset() => stream.Reset(ErrorCodes.Cancel);

    /// <summary>Nobody waits for the call any more; the reader's.</summary>
    public void Abort()
    {
        if (Direct is null) return;
        if (!IsRead)
        {
            Cancel();
            return;
        }

        IsRead = false;
        Clear();
        stream.EndServing();
    }

    /// <summary>Ends the call well: after the messages.</summary>
    public void Succeed() => (_status, _message) = (GrpcStatus.Ok, "");

    /// <summary>Ends the call with a status: in the trailers, or in the headers when nothing has been sent.</summary>
    public void Fail(GrpcStatus status, string message)
    {
        Begin();
        (_status, _message) = (status, message);
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
        int index = _trail.FindIndex(each => each.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
        if (index >= 0) _trail[index] = (name, value);
        else _trail.Add((name, value));
    }

    /// <summary>Writes the fields that go before the messages.</summary>
    /// <param name="withTail">Whether there are no messages, so that what would follow them goes here too.</param>
    /// <returns>Whether they are the usual ones, and not written.</returns>
    public bool TryWriteHead(FieldBlock block, bool withTail)
    {
        if (!withTail && _hasBegun && _httpStatus == StatusCodes.Status200OK && _responseHeaders is not { Count: > 0 }) return true;
        block.AddStatus(_httpStatus);
        if (_hasBegun) block.Add("content-type", ContentType);
        if (_responseHeaders is { Count: > 0 } headers)
        {
            foreach (var header in headers)
            {
                if (_hasBegun && header.Key.Equals("content-type", StringComparison.OrdinalIgnoreCase)) continue;
                foreach (string? value in header.Value) block.Add(header.Key, value);
            }
        }

        if (withTail) WriteTail(block);
        return false;
    }

    /// <summary>Writes the fields that go after the messages.</summary>
    /// <returns>Whether they are the usual ones, and not written.</returns>
    public bool TryWriteTail(FieldBlock block)
    {
        if (_status == GrpcStatus.Ok && _trail.Count == 0) return true;
        WriteTail(block);
        return false;
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

    /// <summary>Makes it ready for the next call of its stream.</summary>
    public void Renew()
    {
        _timer?.Clear();
        _trail.Clear();
        if (_responseHeaders is { Count: > 0 }) _responseHeaders.Clear();
        _httpStatus = StatusCodes.Status200OK;
        _hasBegun = IsRead = HasMessages = IsStream = false;
        _status = null;
        _message = "";
        Direct = null;
        _cacheUse = null;
    }

    /// <summary>Gives back whatever is left of the request and its memory.</summary>
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
        Unflushed = 0;
        TimeoutMicroseconds = 0;
    }

    protected override void HandOver() => stream.EndAnswering();

    private void WriteTail(FieldBlock block)
    {
        if (_status is { } status) block.Add("grpc-status", status.Text());
        if (_message.Length > 0) block.Add("grpc-message", StatusMessage.Encode(_message));
        foreach ((string name, string value) in _trail) block.Add(name, value);
    }
}
