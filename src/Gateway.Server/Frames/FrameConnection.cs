using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.Protocol;
using Gateway.Protocol.Frames;
using Gateway.Protocol.MessagePack;
using Gateway.Server.Calls;
using Gateway.Server.Hosting;
using Gateway.Server.MessagePack;
using Gateway.Server.Tenants;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Frames;

/// <summary>One connection of the frame carrier: reads its messages and has them answered.</summary>
/// <remarks>
/// <b>Behaviour</b>: a frame that lies in one piece in the connection's buffers is read there, and its tensors copied into the request's block; any other is
/// gathered in a block first, so placed that its first tensor is aligned, and its tensors stay there. Either way each byte is copied once.
/// <b>Threading</b>: one loop reads; a timer of the server's looks once a second whether the client keeps its times.
/// </remarks>
internal sealed partial class FrameConnection : IHeldBack
{
    /// <summary>Time from the connection to the hello, as for the headers of an HTTP request.</summary>
    public static readonly TimeSpan HelloTime = FrontDoor.HeadersTimeout;

    /// <summary>How long a connection may be silent with nothing in flight: Kestrel's own for HTTP.</summary>
    public static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(130);

    // Kestrel's own for request bodies: 240 bytes a second, counted from 5 seconds on.
    private static readonly TimeSpan FrameGrace = TimeSpan.FromSeconds(5);
    private const double LeastBytesPerSecond = 240;

    // As long as the longest batch that is run on such a thread.
    private static readonly TimeSpan LongestTake = TimeSpan.FromMilliseconds(4);

    // What may wait in the connection's buffers until it is whole: less than what they hold before they stop the socket.
    private const int MostInBuffers = 16 * 1024;

    private readonly ConnectionContext _connection;
    private readonly PipeReader _input;
    private readonly FramesOptions _options;
    private readonly ModelCatalog _catalog;
    private readonly BlockPool _pool;
    private readonly ServerHealth _health;
    private readonly CallerTenants _tenants;
    private readonly TimeProvider _time;
    private readonly long _longestTake;
    private readonly ILogger _logger;
    private readonly FrameSender _sender;
    private readonly InferMessage _infer = new();
    private readonly MessageBlock _gathered;
    private readonly PassedFrame _passed = new();
    private readonly FrameOverflow? _overflow;

    // What the hello showed, for servers that calls are sent on to.
    private string? _token;

    // The model of the last request, as of that state of the catalogue.
    private ServedModel? _model;
    private object? _modelSnapshot;

    // Whose the connection is by its hello, and whether it showed a key, before which names do not count; and whose the last request is.
    private Tenant? _greetedTenant;
    private bool _hasKey;
    private Tenant? _tenant;
    private bool _hasTenant;
    private bool _hasHello;

    private readonly Arrivals _arrivals;

    // When the first byte of the frame in hand came.
    private long _frameCame;

    private readonly AutoSignal _goOn = new();
    private volatile bool _isHeld;
    private long _opened;
    private long _lastFrame;
    private long _lastBusy;
    private long _frameBegan;
    private long _frameArrived;
    private volatile string? _complaint;
    private volatile bool _isStopping;

    public FrameConnection(
        ConnectionContext connection, FramesOptions options, ModelCatalog catalog, BlockPool pool, ServerHealth health, CallerTenants tenants, TimeProvider time, ILogger logger, FrameOverflow? overflow = null)
    {
        _overflow = overflow;
        _connection = connection;
        _input = connection.Transport.Input;
        _options = options;
        _catalog = catalog;
        _pool = pool;
        _health = health;
        _tenants = tenants;
        _time = time;
        _longestTake = Ticks(LongestTake);
        _logger = logger;
        _arrivals = new Arrivals(connection);
        _sender = new FrameSender(connection.Transport.Output, pool, options);
        _gathered = new MessageBlock(pool);
    }

    IHeldBack? IHeldBack.NextHeld { get; set; }

    private CallWindow<FrameCall> Window => _sender.Window;

    /// <summary>Whether a frame has begun that does not lie in the connection's buffers.</summary>
    private bool IsMidFrame => _gathered.Block is not null || _passed.Refusal is not null;

    /// <summary>Serves the connection until one side ends it.</summary>
    public async Task RunAsync()
    {
        _opened = _lastFrame = _lastBusy = _time.GetTimestamp();
        Task sending = _sender.RunAsync(_time);
        _connection.Features.Get<IConnectionHeartbeatFeature>()?.OnHeartbeat(static connection => ((FrameConnection)connection).Look(), this);
        CancellationToken closing = _connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested ?? default;
        using (closing.UnsafeRegister(static connection => ((FrameConnection)connection!).BeginGoodbye(), this))
        {
            bool isGone = await ReadAllAsync().ConfigureAwait(false);
            _gathered.Clear();
            if (isGone) Window.CancelAll();
            else if (_isStopping) await SayAsync(MessageKind.Goodbye, Messages.Goodbye("Server exiting")).ConfigureAwait(false);
            await Window.WaitAsync(forAll: true).ConfigureAwait(false);
        }

        _sender.End();
        await sending.ConfigureAwait(false);
    }

    /// <returns>Whether the client is gone; else it is the server that ends the connection.</returns>
    private async Task<bool> ReadAllAsync()
    {
        try
        {
            while (true)
            {
                while (!_isStopping && _complaint is null && !_isHeld && _model is { } model && IsHeldBack(model)) await _goOn.WaitAsync().ConfigureAwait(false);
                ValueTask<ReadResult> reading = _input.ReadAsync();
                bool wasThere = reading.IsCompleted;
                ReadResult result = await reading.ConfigureAwait(false);
                _arrivals.Read(_time.GetTimestamp(), result.Buffer.Length, wasThere);
                if (_isStopping) return false;
                if (_complaint is { } complaint) throw Malformed.Invalid(complaint);
                bool hasRoom = Take(result.Buffer);
                if (hasRoom && result.IsCompleted) return true;
                while (!hasRoom)
                {
                    await Window.WaitAsync(forAll: false).ConfigureAwait(false);

                    // What is still in the connection's buffers comes with the next read; what was gathered is not in them any more.
                    hasRoom = !IsMidFrame || Finish(isLast: false);
                }
            }
        }
        catch (InferenceException error)
        {
            // Where the next frame would begin is not known any more.
            Log.Refused(_logger, _connection.ConnectionId, error.Message);
            await SayAsync(MessageKind.Error, Messages.Error(error.Status, error.Message, error.RetryAfter, error.Refusal)).ConfigureAwait(false);
            return false;
        }
        catch (Exception error) when (error is IOException or ConnectionAbortedException or OperationCanceledException or InvalidOperationException)
        {
            return true;
        }
#pragma warning disable CA1031 // The calls in flight still have to be answered, or thrown away, before the connection may end.
        catch (Exception error)
#pragma warning restore CA1031
        {
            Log.Broken(_logger, _connection.ConnectionId, error);
            return true;
        }
    }

    /// <summary>Whether what the client sends is left unread for a while.</summary>
    private bool IsHeldBack(ServedModel model)
    {
        _isHeld = true;
        if (model.HoldsBack(this)) return true;
        _isHeld = false;
        return false;
    }

    void IHeldBack.GoOn()
    {
        _isHeld = false;
        _goOn.Set();
    }

    /// <returns>Null when there is no room for it in the window.</returns>
    private FrameCall? TryOpen(uint number)
    {
        FrameCall? call = Window.TryOpen();
        if (call is not null) call.Number = number;
        return call;
    }

    /// <summary>Gives up the calls of this number; those that are answered already are left alone.</summary>
    private void Cancel(uint number)
    {
        foreach (FrameCall call in Window.Calls)
        {
            if (call.Number == number) call.Cancel();
        }
    }

    /// <summary>Sends a message that belongs to no call.</summary>
    private async ValueTask SayAsync(MessageKind kind, byte[] body)
    {
        FrameCall? call;
        while ((call = TryOpen(0)) is null) await Window.WaitAsync(forAll: false).ConfigureAwait(false);
        Answer(call, kind, body);
    }

    /// <summary>Handles the frames that have arrived.</summary>
    /// <returns>False when the window is full: what is left is to be read again.</returns>
    private bool Take(ReadOnlySequence<byte> buffer)
    {
        SequencePosition consumed = buffer.Start;
        SequencePosition examined = buffer.End;
        bool hasHandled = false;
        bool hasRoom = false;
        try
        {
            while (true)
            {
                if (!IsMidFrame && buffer.Length < Frame.LengthBytes) break;
                _arrivals.Took(buffer.Length);
                if (!IsMidFrame) _frameCame = _arrivals.NextCame();
                FrameStatus status = IsMidFrame ? Gather(ref buffer) : TakeFrame(ref buffer);
                consumed = buffer.Start;
                if (status == FrameStatus.Incomplete) break;
                hasHandled |= status == FrameStatus.Handled;
                if (status == FrameStatus.Handled) continue;
                examined = consumed;
                return false;
            }

            return hasRoom = true;
        }
        finally
        {
            // A frame has begun to arrive when something is left, and may take its time from here; but not while it is the server that does not read on.
            long now = _time.GetTimestamp();
            if (hasHandled) _lastFrame = now;
            if (!hasRoom || (!IsMidFrame && buffer.Length == 0)) _frameBegan = 0;
            else if (_frameBegan == 0 || hasHandled) _frameBegan = now;
            _frameArrived = _passed.Refusal is not null ? _passed.Arrived : _gathered.Block is null ? buffer.Length : _gathered.Bytes;
            _arrivals.Took(buffer.Length);
            _input.AdvanceTo(consumed, examined);
        }
    }

    private FrameStatus TakeFrame(ref ReadOnlySequence<byte> buffer)
    {
        Span<byte> prefix = stackalloc byte[Frame.LengthBytes];
        buffer.Slice(0, Frame.LengthBytes).CopyTo(prefix);
        long length = Frame.ReadLength(prefix);
        if (length > _options.MaxFrameBytes) throw Malformed.Invalid($"a frame of {length} bytes exceeds the maximum of {_options.MaxFrameBytes} bytes");
        if (!_hasHello && length > MostInBuffers) throw Malformed.Invalid("the first message must be a hello");
        long whole = Frame.LengthBytes + length;
        if (buffer.FirstSpan.Length >= whole)
        {
            ReadOnlySpan<byte> message = buffer.FirstSpan[Frame.LengthBytes..(int)whole];
            bool isLast = buffer.Length == whole;
            if (!TryHandle(message, block: null, start: 0, isLast)) return FrameStatus.NoRoom;
            buffer = buffer.Slice(whole);
            return FrameStatus.Handled;
        }

        if (buffer.Length < whole && whole <= MostInBuffers) return FrameStatus.Incomplete;
        buffer = buffer.Slice(Frame.LengthBytes);
        _gathered.Begin(length, FrameLayout.FirstTensor(buffer.FirstSpan[..(int)Math.Min(buffer.FirstSpan.Length, length)]));
        return Gather(ref buffer);
    }

    /// <summary>Collects a frame's bytes in a block, and handles it when it is whole.</summary>
    private FrameStatus Gather(ref ReadOnlySequence<byte> buffer)
    {
        try
        {
            if (_passed.Refusal is null) _gathered.Take(ref buffer);
        }
        catch (InferenceException refusal) when (_hasHello)
        {
            // That is this call's error alone: where the next frame begins is known.
            _passed.Begin(refusal, _gathered.Message, _gathered.Length);
            _gathered.Clear();
        }

        if (_passed.Refusal is not null) _passed.Take(ref buffer);
        if (!(_passed.Refusal is null ? _gathered.IsWhole : _passed.IsWhole)) return FrameStatus.Incomplete;
        return Finish(isLast: buffer.Length == 0) ? FrameStatus.Handled : FrameStatus.NoRoom;
    }

    /// <summary>Handles the frame that was gathered or passed over.</summary>
    /// <returns>False when the window is full.</returns>
    private bool Finish(bool isLast)
    {
        if (_passed.Refusal is { } refusal)
        {
            if (TryOpen(_passed.Call) is not { } call) return false;
            Answer(call, MessageKind.Error, Messages.Error(refusal.Status, refusal.Message));
        }
        else if (!TryHandle(_gathered.Message, _gathered.Block, _gathered.Start, isLast))
        {
            return false;
        }

        _passed.Clear();
        _gathered.Clear();
        _lastFrame = _time.GetTimestamp();
        return true;
    }

    /// <summary>Handles one message.</summary>
    /// <param name="block">Holds the message, if it was gathered.</param>
    /// <param name="isLast">Whether nothing that has arrived follows it.</param>
    /// <returns>False when there is no room for it in the window.</returns>
    private bool TryHandle(ReadOnlySpan<byte> message, MemoryBlock? block, int start, bool isLast)
    {
        MessagePackReader reader = new(message);
        bool isReadable = MessageHead.TryRead(ref reader, out MessageHead head);
        if (!_hasHello)
        {
            if (head.Kind != MessageKind.Hello) throw Malformed.Invalid("the first message must be a hello");
            Greet(ref reader);
        }

        if (head.Kind == MessageKind.Cancel)
        {
            Cancel(head.Call);
            return true;
        }

        if (TryOpen(head.Call) is not { } call) return false;
        try
        {
            if (!isReadable) throw Malformed.At(reader, "the message, which must be [kind, call, body],");
            Dispatch(call, head.Kind, ref reader, message, block, start, isLast);
        }
        catch (InferenceException error)
        {
            Answer(call, MessageKind.Error, Messages.Error(error.Status, error.Message, error.RetryAfter, error.Refusal));
        }
#pragma warning disable CA1031 // Whatever goes wrong is this call's error; the connection and everybody else go on.
        catch (Exception error)
#pragma warning restore CA1031
        {
            Log.Failed(_logger, _connection.ConnectionId, error);
            Answer(call, MessageKind.Error, Messages.Error(StatusCode.Internal, "internal error"));
        }

        return true;
    }

    private void Dispatch(FrameCall call, MessageKind kind, ref MessagePackReader reader, ReadOnlySpan<byte> message, MemoryBlock? block, int start, bool isLast)
    {
        switch (kind)
        {
            case MessageKind.Infer:
                Infer(call, ref reader, message, block, start, isLast);
                break;
            case MessageKind.Hello:
                Answer(call, kind, Messages.Hello(_options.ServerName, _options.ServerVersion, Window.Most, _options.MaxFrameBytes));
                break;
            case MessageKind.Metadata:
                Answer(call, kind, Metadata(ModelMessage.Read(ref reader), message));
                break;
            case MessageKind.Ready:
                Answer(call, kind, Messages.Ready(IsReady(ModelMessage.Read(ref reader), message)));
                break;
            case MessageKind.Ping:
                Answer(call, kind, Messages.Nil());
                break;
            default:
                throw new InferenceException(StatusCode.Unsupported, "this server has no such kind of message");
        }
    }

    /// <summary>Lets a call in, or answers why not.</summary>
    private bool TryEnter(FrameCall call, ReadOnlySpan<byte> message, out Tenant? tenant)
    {
        if (!_hasTenant)
        {
            _tenant = (_hasKey || _infer.Tenant is not { } tenantName ? null : _tenants.ByName(tenantName.Of(message))) ?? _greetedTenant ?? _tenants.Unnamed();
            _hasTenant = true;
        }

        tenant = _tenant;
        if (tenant is null || tenant.TryEnter(out TenantRefusal over)) return true;
        Answer(call, MessageKind.Error, Messages.Error(StatusCode.ResourceExhausted, over.Text, over.RetryAfter, over.Reason.WireName()));
        return false;
    }

    /// <returns>The name of a model that only replicas serve; null for all others.</returns>
    private string? ElsewhereName(ReadOnlySpan<byte> utf8Name, long version)
    {
        const int MostStackChars = 256;
        Span<char> chars = stackalloc char[MostStackChars];
        if (utf8Name.Length <= MostStackChars && _catalog.TryFind(chars[..Encoding.UTF8.GetChars(utf8Name, chars)], version, out _)) return null;
        string name = Encoding.UTF8.GetString(utf8Name);
        return !_catalog.TryFind(name, version, out _) && _overflow!.Knows(name, version) ? name : null;
    }

    /// <summary>Sends a call to replicas whose model is not served here.</summary>
    private void SendElsewhere(FrameCall call, string model, ReadOnlySpan<byte> body, ReadOnlySpan<byte> message)
    {
        if (!TryEnter(call, message, out Tenant? tenant)) return;
        long waited = Math.Max(0, _time.GetTimestamp() - _frameCame);
        call.Relay = _overflow!.TryKeep(call, model, null, _infer.Version(message), LeftOf(waited), body, tenant, _token);
        if (call.Relay?.Leaves(tenant) == true) return;
        tenant?.Leave();
        throw InferMessage.NoMemory();
    }

    /// <summary>What a call has left of the time that it says, in microseconds; 0 for one that says none.</summary>
    private long LeftOf(long waited) => _infer.TimeoutMicroseconds == 0 ? 0 : Math.Max(1, _infer.TimeoutMicroseconds - (long)_time.GetElapsedTime(0, waited).TotalMicroseconds);

    private void Infer(FrameCall call, ref MessagePackReader reader, ReadOnlySpan<byte> message, MemoryBlock? block, int start, bool isLast)
    {
        ReadOnlySpan<byte> body = message[reader.Position..];
        bool isNew = _infer.Read(ref reader, message);
        if (isNew) _hasTenant = false;
        object snapshot = _catalog.Snapshot;
        if (isNew || !ReferenceEquals(snapshot, _modelSnapshot))
        {
            _modelSnapshot = null;
            if (_infer.ModelName is not { } name) throw Malformed.Invalid("the request has no 'model_name'");
            string? elsewhere = _overflow is null ? null : ElsewhereName(name.Of(message), _infer.Version(message));
            _model = elsewhere is null ? _catalog.Find(name.Of(message), _infer.Version(message)) : null;
            if (elsewhere is not null)
            {
                SendElsewhere(call, elsewhere, body, message);
                return;
            }

            _modelSnapshot = snapshot;
        }

        ServedModel model = _model!;
        if (!TryEnter(call, message, out Tenant? tenant)) return;

        // The client counts from the frame's first byte.
        long now = _time.GetTimestamp();
        long waited = Math.Max(0, now - _frameCame);
        if (_overflow is not null)
        {
            call.Relay = _overflow.TryKeep(call, model.Name, model, _infer.Version(message), LeftOf(waited), body, tenant, _token);
            if (call.Relay?.Leaves(tenant) == true) return;
        }

        if (model.TurnsAway(_infer.TimeoutMicroseconds, out EarlyRefusal refusal, tenant, _infer.CacheUse, waited, _infer.Priority))
        {
            if (call.Relay is { } relay)
            {
                relay.Refused(refusal);
                return;
            }

            call.Refusal = refusal;
            _sender.Post(call);
            return;
        }

        if (model.TryRentRequest(out InferenceRequest? request))
        {
            request.AdmitAs(tenant);
            _catalog.Tracer.Begin(request);
        }
        else
        {
            // Replaced since it was looked up.
            _modelSnapshot = null;
            request = _catalog.RentRequest(model, _infer.Version(message), tenant);
        }

        bool hasFlown = false;
        try
        {
            request.Waited = waited;
            _infer.Fill(request, message, call.WantedOutputs);
            if (block is null)
            {
                InferMessage.CopyTensors(request, message, _pool);
            }
            else
            {
                block.AddReference();
                InferMessage.AdoptTensors(request, block, start);
                request.CopiedBytes += message.Length;
            }

            Window.Charge(call, request.Block?.Capacity ?? 0);
            request.MayBeKeptElsewhere = call.Relay is { LooksHereFirst: true };
            call.Request = request;
            call.BeginFlight();
            hasFlown = true;

            // Who has long been at what one read brought lets others run what it brings.
            bool hasTime = now - _arrivals.ReadAt < _longestTake;
            request.Model.Infer(request, call, !hasTime ? RunsHere.None : isLast ? RunsHere.Any : RunsHere.FullBatches);
        }
#pragma warning disable CA1031 // The call has its answer; what went wrong after it is for the log alone.
        catch (Exception error)
#pragma warning restore CA1031
        {
            if (call.Drop(request, hasFlown)) throw;
            Log.Failed(_logger, _connection.ConnectionId, error);
        }
    }

    private byte[] Metadata(in ModelMessage asked, ReadOnlySpan<byte> message)
    {
        if (asked.Name is not { } name) return Messages.ServerMetadata(_options.ServerName, _options.ServerVersion, ["schedule_policy", "parameters"]);
        ServedModel model = _catalog.Find(name.Of(message), asked.Version);
        return Messages.ModelMetadata(model, asked.Version > 0 ? [model] : _catalog.ReadyVersions(model.Name));
    }

    private bool IsReady(in ModelMessage asked, ReadOnlySpan<byte> message)
    {
        if (asked.Name is not { } name) return _health.IsReady;
        try
        {
            return _catalog.Find(name.Of(message), asked.Version) is not null;
        }
        catch (InferenceException)
        {
            // An unknown model is not ready either: clients ask while they wait for one to appear.
            return false;
        }
    }

    /// <exception cref="InferenceException">The connection is not to go on.</exception>
    private void Greet(ref MessagePackReader reader)
    {
        MessagePackReader body = reader;
        HelloMessage hello = HelloMessage.Read(ref body);
        if (hello.Version < Frame.Version) throw new InferenceException(StatusCode.Unsupported, $"version {hello.Version} of the protocol is not spoken here; {Frame.Version} is");
        bool isAccessToken = _options.AccessToken is { } token && AccessToken.IsRight(Encoding.UTF8.GetBytes(token), hello.Token);
        Tenant? byKey = isAccessToken ? null : _tenants.ByKey(hello.Token);
        if (_options.AccessToken is not null && !isAccessToken && byKey is null)
        {
            throw new InferenceException(StatusCode.Unauthenticated, AccessToken.Problem(isGiven: !hello.Token.IsEmpty));
        }

        _hasKey = byKey is not null;
        if (_overflow is not null && !hello.Token.IsEmpty) _token = Encoding.UTF8.GetString(hello.Token);
        _greetedTenant = byKey ?? (hello.HasTenant ? _tenants.ByName(hello.Tenant) : null);
        if (hello.Window > 0) Window.Most = (int)Math.Min((ulong)_options.Window, hello.Window);
        _hasHello = true;
    }

    private void Answer(FrameCall call, MessageKind kind, byte[] body)
    {
        call.Kind = kind;
        call.Body = body;
        _sender.Post(call);
    }

    private void BeginGoodbye()
    {
        _isStopping = true;
        _goOn.Set();
        _input.CancelPendingRead();
    }

    /// <summary>Looks whether the client keeps its times; called once a second.</summary>
    private void Look()
    {
        // A model that hangs holds nobody back for longer.
        if (_isHeld) _goOn.Set();
        long now = _time.GetTimestamp();
        if (_sender.HasStalled(_time, now))
        {
            _connection.Abort(new ConnectionAbortedException("The client did not take its answers."));
            return;
        }

        if (_complaint is not null) return;
        long began = Volatile.Read(ref _frameBegan);
        if (!_hasHello && now - _opened > Ticks(HelloTime)) Complain("no hello came in time");
        else if (began != 0 && now - began > Ticks(FrameGrace) && _frameArrived < LeastBytesPerSecond * _time.GetElapsedTime(began, now).TotalSeconds) Complain("the frame arrives too slowly");
        else if (Window.Count > 0 || _sender.IsFlushing) _lastBusy = now;
        else if (began == 0 && now - Math.Max(_lastBusy, _lastFrame) > Ticks(IdleTime)) Complain("the connection was idle for too long");
    }

    private void Complain(string complaint)
    {
        _complaint = complaint;
        _input.CancelPendingRead();
    }

    private long Ticks(TimeSpan time) => (long)(time.TotalSeconds * _time.TimestampFrequency);

    private enum FrameStatus
    {
        Handled,
        Incomplete,
        NoRoom,
    }

    private static partial class Log
    {
        [LoggerMessage(4200, LogLevel.Debug, "Frame connection {Connection} is refused: {Reason}", EventName = "FramesRefused")]
        public static partial void Refused(ILogger logger, string connection, string reason);

        [LoggerMessage(4201, LogLevel.Error, "A call on frame connection {Connection} failed unexpectedly.", EventName = "FrameCallFailed")]
        public static partial void Failed(ILogger logger, string connection, Exception error);

        [LoggerMessage(4202, LogLevel.Error, "Frame connection {Connection} ended unexpectedly.", EventName = "FramesBroken")]
        public static partial void Broken(ILogger logger, string connection, Exception error);
    }
}
