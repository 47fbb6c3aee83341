using System.IO.Pipelines;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.Protocol;
using Gateway.Protocol.Frames;
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
