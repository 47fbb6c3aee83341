using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Gateway.Core.Caching;
using Gateway.Core.Memory;
using Gateway.Core.Memory.Shared;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.Core.Tracing;
using Gateway.Protocol;
using Gateway.Protocol.Protobuf;
using Gateway.Server.Calls;
using Gateway.Server.Grpc.Inference;
using Gateway.Server.Grpc.Wire;
using Gateway.Server.OpenInference;
using Gateway.Server.Tenants;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Grpc.Streaming;

/// <summary>One stream of inferences: reads its requests and has them answered.</summary>
/// <remarks>
/// <b>Behaviour</b>: a request that fails is answered with its error, and the stream goes on, unless the client asked otherwise (metadata <c>triton_grpc_error: true</c>).
/// When the client closes its half, what is in flight is answered, and the stream ends with OK. A message that cannot be read ends it, since nobody knows whose it is; so does
/// the server's stop, after what is in flight. A client that cancels, is gone, or whose time is over cancels what is in flight. <b>Threading</b>: one loop reads; answers
/// are the sender's.
/// </remarks>
internal sealed partial class InferStream
{
    private readonly GrpcCall _call;
    private readonly ModelCatalog _catalog;
    private readonly BlockPool _pool;
    private readonly SharedRegions _regions;
    private readonly StreamSender _sender;
    private readonly GrpcStop _stop;
    private readonly ILogger _logger;
    private readonly CallerTenants _tenants;
    private readonly CacheUse _cacheUse;
    private readonly long _cacheMaxAge;
    private readonly InferOverflow? _overflow;
    private readonly long _timeout;
    private long _messageBegan;
    private volatile bool _isTimeOver;
    private volatile bool _isStopping;

    public InferStream(GrpcCall call, ModelCatalog catalog, BlockPool pool, SharedRegions regions, GrpcOptions options, AnswerWriter writer, CallerTenants tenants, GrpcStop stop, ILogger logger, InferOverflow? overflow = null)
    {
        _call = call;
        _catalog = catalog;
        _pool = pool;
        _regions = regions;
        _stop = stop;
        _logger = logger;
        _tenants = tenants;
        _overflow = overflow;
        _cacheUse = call.CacheUse;
        _cacheMaxAge = CacheHeaders.ReadMaxAge(call.Headers);
        call.IsStream = true;

        // Of each request, where gRPC's own is the stream's.
        _timeout = TimeoutHeader.Read(call.Headers);
        call.TimeoutMicroseconds = GrpcTimeout.Parse(call.Headers.Find(GrpcTimeout.Utf8Header)) ?? 0;
        bool failsAsAWhole = call.Headers["triton_grpc_error"].ToString() == "true";
        _sender = new StreamSender(call, pool, options, writer, writer.Choose(call), failsAsAWhole, logger);
    }

    private CallWindow<StreamCall> Window => _sender.Window;

    public async Task RunAsync()
    {
        await _call.StartAsync().ConfigureAwait(false);
        Task sending = _sender.RunAsync();
        (GrpcStatus Status, string Text) end = (GrpcStatus.Cancelled, "the call was closed");

        // The framework's clock: the engine's is made for a few timers.
        CancellationTokenSource? deadline = _call.TimeLeft is { } time ? new CancellationTokenSource(time, TimeProvider.System) : null;
        using (deadline)
        using (_call.Aborted.UnsafeRegister(static stream => ((InferStream)stream!)._sender.Break(), this))
        using (deadline?.Token.UnsafeRegister(static stream => ((InferStream)stream!).OnTimeOver(), this) ?? default)
        using (_stop.Token.UnsafeRegister(static stream => ((InferStream)stream!).OnStopping(), this))
        {
            try
            {
                end = await ReadAllAsync().ConfigureAwait(false);
            }
            catch (Exception error) when (error is IOException or OperationCanceledException or ConnectionAbortedException)
            {
                _sender.Break();
            }
            finally
            {
                // Whatever happened: what is in flight has to come back before the stream's memory may go.
                if (_sender.Failure is not null) Window.CancelAll();
                await Window.WaitAsync(forAll: true).ConfigureAwait(false);
                _sender.End();
                await sending.ConfigureAwait(false);
            }
        }

        _call.HasMessages = true;
        if (_sender.Failure is { } failure) _call.Fail(failure.Status.ToGrpc(), failure.Text);
        else if (_isTimeOver)
        {
            // The client does not wait for what it has not taken by now.
            _call.Stream.Cut();
            _call.Fail(GrpcStatus.DeadlineExceeded, "Deadline Exceeded");
        }
        else if (end.Status == GrpcStatus.Ok) _call.Succeed();
        else _call.Fail(end.Status, end.Text);
    }

    /// <returns>What the stream is to end with.</returns>
    private async Task<(GrpcStatus Status, string Text)> ReadAllAsync()
    {
        while (true)
        {
            await Window.WaitAsync(forAll: false).ConfigureAwait(false);
            ReadResult result = await _call.ReadAsync(isStream: true).ConfigureAwait(false);
            if (_sender.IsBroken || _sender.Failure is not null || _isTimeOver) return (GrpcStatus.Cancelled, "the call was closed");
            if (_isStopping) return (GrpcStatus.Unavailable, GrpcStop.Text);
            try
            {
                _call.EndRead();
                bool isAll = Take(result.Buffer);
                if (!isAll || !result.IsCompleted) continue;
                return _call.Reader.HasBegun ? (GrpcStatus.Internal, GrpcMessages.Incomplete().Message) : (GrpcStatus.Ok, "");
            }
            catch (GrpcException error)
            {
                return (error.Status, error.Message);
            }
            catch (ProtobufException error)
            {
                return (GrpcStatus.InvalidArgument, $"failed to parse the request: {error.Message}");
            }
            catch (InferenceException error)
            {
                // There is no memory for the message.
                return (error.Status.ToGrpc(), error.Message);
            }
        }
    }

    /// <summary>Handles the messages that have arrived.</summary>
    /// <returns>False when the window is full: what is left is to be read again.</returns>
    private bool Take(ReadOnlySequence<byte> buffer)
    {
        SequencePosition examined = buffer.End;
        bool isAll = true;
        try
        {
            while (isAll && _call.Reader.TryRead(ref buffer, out ReadOnlySpan<byte> message, InferPeek.FirstTensor))
            {
                Handle(message, isLast: buffer.IsEmpty);
                _call.Reader.Release();
                _messageBegan = 0;
                isAll = buffer.IsEmpty || Window.HasRoom;
            }

            if (!isAll) examined = buffer.Start;
            return isAll;
        }
        finally
        {
            if (_messageBegan == 0 && _call.Reader.HasBegun) _messageBegan = _call.Time.GetTimestamp();
            _call.Body.AdvanceTo(buffer.Start, examined);
        }
    }

    private void Handle(ReadOnlySpan<byte> bytes, bool isLast)
    {
        InferMessage message = _call.Message;
        message.Read(bytes);
        StreamCall call = Window.Open();
        _sender.Expect(call);
        InferenceRequest? request = null;
        bool hasFlown = false;
        try
        {
            long version = InferFill.Version(message.ModelVersion.Of(bytes));

            // The client counts from the message's first byte.
            long waited = _messageBegan == 0 ? 0 : _call.Time.GetTimestamp() - _messageBegan;
            bool mayLeave = _overflow?.Keeps(call, _call, message, bytes, version, _timeout, waited, _cacheUse, _regions) == true;
            ServedModel? model = mayLeave ? null : _catalog.Find(message.ModelName.Of(bytes), version);
            if (!_tenants.TryEnter(_call.Headers, out Tenant? tenant, out TenantRefusal over))
            {
                call.Refusal = new RefusalParameters(over.Reason.WireName(), over.RetryAfter);
                Fail(call, request, StatusCode.ResourceExhausted, over.Text, Encoding.UTF8.GetString(message.Id.Of(bytes)));
                return;
            }

            if (call.Relay is { } leaving)
            {
                Window.Charge(call, leaving.Bytes);
                if (leaving.Leaves(tenant))
                {
                    if (_sender.IsBroken) Window.CancelAll();
                    return;
                }
            }

            model ??= FindFor(tenant, message.ModelName.Of(bytes), version);

            // One whose time is over is counted as expired.
            bool isOverdue = _timeout > 0 && _call.Time.GetElapsedTime(0, waited).TotalMicroseconds >= _timeout;
            if (!isOverdue && model.TurnsAway(_timeout, out EarlyRefusal refusal, tenant, _cacheUse, waited, isBeingRead: true))
            {
                string id = Encoding.UTF8.GetString(message.Id.Of(bytes));
                if (call.Relay is { } relay)
                {
                    relay.Refused(refusal, tenant, id);
                    return;
                }

                tenant?.LeaveRefused(refusal.Reason);
                call.Refusal = new RefusalParameters(refusal.Reason.WireName(), refusal.RetryAfter);
                Fail(call, request, StatusCode.Unavailable, refusal.Text.For(id), id);
                return;
            }

            request = _catalog.RentRequest(model, version, tenant);
            request.Trace?.ComeBy(TraceProtocol.Grpc, _messageBegan);
            model = request.Model;
            InferFill.Fill(request, message, bytes, call.Plan, _pool, _regions, _call.Reader.Block, _call.Reader.Start);
            request.LimitTime(_timeout);
            request.Waited = waited;
            request.CacheUse |= _cacheUse;
            request.CacheMaxAgeSeconds = _cacheMaxAge;
            request.MayBeKeptElsewhere = call.Relay is { LooksHereFirst: true };
            Window.Charge(call, (request.Block?.Capacity ?? 0) + (call.Relay?.Bytes ?? 0));
            call.Request = request;
            call.Model = model;
            call.BeginFlight();
            hasFlown = true;
            model.Infer(request, call, isLast ? RunsHere.Any : RunsHere.FullBatches);

            // The stream may have been broken between the opening and the flight.
            if (_sender.IsBroken) Window.CancelAll();
        }
        catch (InferenceException error)
        {
            if (hasFlown && !call.EndFlight()) return;
            Fail(call, request, error.Status, error.Message, Encoding.UTF8.GetString(message.Id.Of(bytes)));
        }
#pragma warning disable CA1031 // Whatever goes wrong is this request's error; the stream and everybody else go on.
        catch (Exception error)
#pragma warning restore CA1031
        {
            Log.Failed(_logger, error);

            // It may have been answered before whatever went wrong did.
            if (hasFlown && !call.EndFlight()) return;
            Fail(call, request, StatusCode.Internal, "internal error", Encoding.UTF8.GetString(message.Id.Of(bytes)));
        }
    }

    /// <summary>Finds the model of a request that its tenant has let in, and that leaves if there is none any more.</summary>
    private ServedModel FindFor(Tenant? tenant, ReadOnlySpan<byte> name, long version)
    {
        try
        {
            return _catalog.Find(name, version);
        }
        catch
        {
            tenant?.Leave();
            throw;
        }
    }

    private void Fail(StreamCall call, InferenceRequest? request, StatusCode status, string text, string id)
    {
        call.Request = null;
        call.Model = null;
        request?.Dispose();
        Window.Charge(call, 0);
        (call.Status, call.Error, call.Id) = (status, text, id);
        _sender.Post(call);
    }

    private void OnTimeOver()
    {
        _isTimeOver = true;
        _sender.Break();

        // A client that does not take its answers must not hold what is over.
        _call.Output.CancelPendingFlush();
        _call.CancelRead();
    }

    private void OnStopping()
    {
        _isStopping = true;
        _call.CancelRead();
    }

    private static partial class Log
    {
        [LoggerMessage(4401, LogLevel.Error, "A request of a gRPC stream failed unexpectedly.", EventName = "GrpcStreamFailed")]
        public static partial void Failed(ILogger logger, Exception error);
    }
}
