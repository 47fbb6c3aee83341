using System.Buffers;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Gateway.Client.Calls;
using Gateway.Client.Endpoints;
using Gateway.Client.Messages;
using Gateway.Client.Telemetry;
using Gateway.Protocol;
using Gateway.Protocol.Frames;
using Gateway.Protocol.MessagePack;
using Microsoft.Extensions.Logging;

namespace Gateway.Client.Frames;

/// <summary>One connection of frames, from before it is made to its end, with the calls that were submitted to it.</summary>
/// <remarks>
/// <para>
/// <b>Behaviour</b>: takes calls at any time until it stops taking them (a goodbye, its end), and keeps those that it cannot send yet, in order: until it is
/// connected, while the window is full, while too many bytes wait to be sent. Every call ends: answered, abandoned, expired, or failed with the connection, told
/// apart by whether the server may have begun it. An answer that nobody asked for ends the connection: its stream cannot be trusted. So does silence, also in
/// answer to a ping, and a message that begins and does not get on.
/// </para>
/// <para>
/// <b>Threading</b>: any thread submits and abandons; a call that finds room is written by its caller under the lock. One loop sends all that was written, one
/// receives, one timer looks after deadlines and pings. Calls are ended outside the lock.
/// </para>
/// <para><b>Cost</b>: no allocation a call; two short locks, one to write and one to find the call of an answer.</para>
/// </remarks>
[SuppressMessage("Reliability", "CA1001", Justification = "Disposed at the end of RunAsync.")]
internal sealed partial class FrameConnection : ICallCarrier
{
    // Least rate of a message that takes longer than the keepalive's interval. Far below any link that carries tensors; after a damaged length, what comes later
    // seems to be the rest of that message, answers to pings too, but not for long at such a rate.
    private const int LeastBytesPerSecond = 32 * 1024;

    private readonly Lock _lock = new();
    private readonly InferenceClientOptions _options;
    private readonly TimeProvider _time;
    private readonly FrameEndpoint _endpoint;
    private readonly ILogger _logger;
    private readonly CallTable _calls = new();
    private readonly OutputQueue _output = new();
    private readonly WakeSignal _wake = new();
    private readonly CancellationTokenSource _closing;
    private readonly List<(PendingCall Call, Exception Error)> _unwritable = [];
    private ITimer? _timer;
    private long _timerDue = long.MaxValue;
    private volatile ConnectionState _state;
    private long _maxFrameBytes;
    private long _lastReceived;

    // When the message of which a part has arrived must be there at the latest, if no more of it comes; never, where there is none.
    private long _messageDue = long.MaxValue;
    private string? _givenUpReason;
    private int _load;
    private bool _isPinging;
    private bool _hasSaidGoodbye;
    private bool _isInline;
    private bool _hasOpened;

    public FrameConnection(FrameEndpoint endpoint, InferenceClientOptions options, ILogger logger)
    {
        _endpoint = endpoint;
        _options = options;
        _time = options.TimeProvider;
        _closing = new CancellationTokenSource(Timeout.InfiniteTimeSpan, _time);
        _logger = logger;
    }

    private enum ConnectionState
    {
        Connecting,
        Open,

        /// <summary>The server has said goodbye: what it has read it still answers.</summary>
        Draining,
        Closed,
    }

    public bool IsOpen => _state == ConnectionState.Open;

    /// <summary>Whether any call was answered: the sign of an endpoint that works.</summary>
    public bool HasAnswered { get; private set; }

    /// <summary>Calls in flight and waiting, about.</summary>
    public int Load => Volatile.Read(ref _load);

    /// <summary>Takes a call.</summary>
    /// <returns>False when the connection takes none any more; the call is untouched then.</returns>
    public bool Submit(PendingCall call)
    {
        bool isAlone = false;
        Exception? error = null;
        lock (_lock)
        {
            if (_state >= ConnectionState.Draining) return false;
            call.Carrier = this;
            if (_state == ConnectionState.Open && _calls.Waiting == 0 && HasRoomUnderLock())
            {
                isAlone = _calls.Open == 0 && _output.Waiting == 0;
                error = WriteUnderLock(call);
            }
            else
            {
                _calls.Enqueue(call);
            }

            if (error is null && call.Deadline < _timerDue) ArmUnderLock(call.Deadline);
            UpdateLoadUnderLock();
        }

        // With nobody else's frame to go with, waiting for the loop's turn would only take time.
        if (error is not null) call.OnFailed(new CallFailure(FailureKind.Final, error));
        else if (isAlone) SendInline();
        else _wake.Set();
        return true;
    }

    public void Abandon(PendingCall call, CallFailure failure)
    {
        bool mustWake = false;
        lock (_lock)
        {
            if (call.Carrier != this || call.Place == CallPlace.None) return;
            if (call.Place == CallPlace.Waiting)
            {
                _calls.RemoveWaiting(call);
            }
            else
            {
                uint number = _calls.NumberOf(call.Slot);
                _calls.Abandon(call);
                mustWake = _state == ConnectionState.Open;
                if (mustWake) WriteCancelUnderLock(number);
            }

            UpdateLoadUnderLock();
        }

        if (mustWake) _wake.Set();
        call.OnFailed(failure);
    }

    /// <summary>Connects after a pause, and serves calls until the connection ends; never throws.</summary>
    public async Task RunAsync(TimeSpan pause)
    {
        Exception? cause = null;
        bool isCounted = false;
        Task sending = Task.CompletedTask;
        try
        {
            lock (_lock)
            {
                _timer = _time.CreateTimer(static connection => ((FrameConnection)connection!).Look(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                if (_timerDue != long.MaxValue) ArmUnderLock(_timerDue);
            }

            if (pause > TimeSpan.Zero) await Task.Delay(pause, _time, _closing.Token).ConfigureAwait(false);
            using Socket socket = _endpoint.Address.CreateSocket();
            using CancellationTokenSource late = new(_options.ConnectTimeout, _time);
            using Stream stream = await ConnectAsync(socket, late.Token).ConfigureAwait(false);
            using FrameReceiver receiver = new(stream, _options.MaxAnswerBytes);
            await GreetAsync(stream, receiver, late.Token).ConfigureAwait(false);

            // A token that went with every read and write would cost each a registration.
            using CancellationTokenRegistration cut = _closing.Token.UnsafeRegister(static stream => ((Stream)stream!).Dispose(), stream);
            ClientTelemetry.Connections.Add(1);
            isCounted = true;
            Log.Opened(_logger, _endpoint.Address);
            sending = SendAllAsync(stream);
            _wake.Set();
            await ReceiveAllAsync(receiver).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Whatever goes wrong ends the connection, and its calls with it.
        catch (Exception error)
#pragma warning restore CA1031
        {
            cause = _closing.IsCancellationRequested && _givenUpReason is { } reason ? new IOException(reason, error) : error;
        }

        Close(cause);
        await sending.ConfigureAwait(false);
        if (isCounted) ClientTelemetry.Connections.Add(-1);
        _closing.Dispose();
    }

    /// <summary>Ends it; its calls fail.</summary>
    public void Abort()
    {
        try
        {
            _closing.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It has ended.
        }
    }

    private void AbortAfter(TimeSpan time)
    {
        try
        {
            _closing.CancelAfter(time);
        }
        catch (ObjectDisposedException)
        {
            // It has ended.
        }
    }

    private async Task<Stream> ConnectAsync(Socket socket, CancellationToken late)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(late, _closing.Token);
        string what = "No connection";
        try
        {
            await socket.ConnectAsync(_endpoint.Address.EndPoint!, either.Token).ConfigureAwait(false);
            NetworkStream network = new(socket, ownsSocket: true);
            if (_endpoint.Tls is not { } tls) return network;
            what = "No TLS handshake";
            return await SecureAsync(network, tls, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!_closing.IsCancellationRequested)
        {
            throw new TimeoutException($"{what} within {_options.ConnectTimeout}.");
        }
    }

    private static async Task<SslStream> SecureAsync(Stream network, SslClientAuthenticationOptions tls, CancellationToken cancellation)
    {
        SslStream stream = new(network);
        try
        {
            await stream.AuthenticateAsClientAsync(tls, cancellation).ConfigureAwait(false);
            return stream;
        }
        catch (Exception error)
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            if (error is OperationCanceledException) throw;
            string message = $"The TLS handshake failed: {error.Message}";
            throw error is IOException ? new IOException(message, error) : new AuthenticationException(message, error);
        }
    }

    private async Task GreetAsync(Stream stream, FrameReceiver receiver, CancellationToken late)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(late, _closing.Token);
        try
        {
            await stream.WriteAsync(HelloMessage.Frame(_options), either.Token).ConfigureAwait(false);
            while (!TryTakeHello(receiver))
            {
                if (!await receiver.ReceiveAsync(either.Token).ConfigureAwait(false)) throw new EndOfStreamException("The server ended the connection before its hello.");
            }
        }
        catch (OperationCanceledException) when (!_closing.IsCancellationRequested)
        {
            throw new TimeoutException($"No hello within {_options.ConnectTimeout}.");
        }
    }

    private bool TryTakeHello(FrameReceiver receiver)
    {
        if (!receiver.TryTake(out ReadOnlySpan<byte> message)) return false;
        MessagePackReader reader = new(message);
        if (!MessageHead.TryRead(ref reader, out MessageHead head)) throw AnswerReader.Malformed("it sends no messages");
        ReadOnlySpan<byte> body = message[reader.Position..];
        if (head.Kind == MessageKind.Error) throw AnswerReader.ReadError(body);
        if (head.Kind == MessageKind.Goodbye) throw new EndOfStreamException("The server is stopping.");
        if (head.Kind != MessageKind.Hello) throw AnswerReader.Malformed("its first message is no hello");
        HelloMessage hello = HelloMessage.Read(body);
        lock (_lock)
        {
            _calls.SetWindow(Math.Min(hello.Window, _options.Window ?? int.MaxValue));
            _maxFrameBytes = hello.MaxFrameBytes;
            _lastReceived = _time.GetTimestamp();
            _state = ConnectionState.Open;
            _hasOpened = true;
            if (_options.KeepAliveInterval != Timeout.InfiniteTimeSpan) ArmUnderLock(Math.Min(_timerDue, _lastReceived + Ticks(_options.KeepAliveInterval)));
        }

        return true;
    }

    private async Task ReceiveAllAsync(FrameReceiver receiver)
    {
        long began = long.MaxValue;
        do
        {
            long now = _time.GetTimestamp();
            Volatile.Write(ref _lastReceived, now);
            while (receiver.TryTake(out ReadOnlySpan<byte> message))
            {
                Handle(receiver, message);
                began = long.MaxValue;
            }

            if (receiver.Partial == 0) began = long.MaxValue;
            else if (began == long.MaxValue) began = now;
            Volatile.Write(ref _messageDue, MessageDue(began, receiver.Partial));
        }
        while (!IsDrained() && await receiver.ReceiveAsync(default).ConfigureAwait(false));
    }

    /// <param name="began">When the first part of it came; never, for a message that has not begun.</param>
    private long MessageDue(long began, int arrived) =>
        began == long.MaxValue || _options.KeepAliveInterval == Timeout.InfiniteTimeSpan
            ? long.MaxValue
            : began + Ticks(_options.KeepAliveInterval) + (arrived * _time.TimestampFrequency / LeastBytesPerSecond);

    private void Handle(FrameReceiver receiver, ReadOnlySpan<byte> message)
    {
        MessagePackReader reader = new(message);
        if (!MessageHead.TryRead(ref reader, out MessageHead head)) throw AnswerReader.Malformed("a message is not [kind, call, body]");
        if (head.Call == 0)
        {
            // An error of no call: one of our messages could not be read, and nobody knows whose.
            if (head.Kind == MessageKind.Error) throw AnswerReader.ReadError(message[reader.Position..]);
            if (head.Kind != MessageKind.Goodbye) throw AnswerReader.Malformed($"a message of kind {head.Kind} without a call");
            OnGoodbye();
            return;
        }

        PendingCall? call;
        bool mustWake;
        lock (_lock)
        {
            if (!_calls.TryFind(head.Call, out call)) throw AnswerReader.Malformed($"an answer to call {head.Call}, which is not in flight");
            if (call is not null && head.Kind != call.Kind && head.Kind != MessageKind.Error) throw AnswerReader.Malformed($"an answer of kind {head.Kind} to a call of kind {call.Kind}");
            _calls.Remove(head.Call);
            mustWake = _calls.Waiting > 0;
            UpdateLoadUnderLock();
        }

        if (mustWake) _wake.Set();
        if (call is null) return;
        HasAnswered = true;
        call.OnAnswer(receiver.TakeBody(head.Kind, message.Length - reader.Position));
    }

    /// <summary>Sends nothing more; what the server has not got can go elsewhere at once.</summary>
    private void OnGoodbye()
    {
        List<PendingCall> unsent = [];
        lock (_lock)
        {
            _hasSaidGoodbye = true;
            if (_state != ConnectionState.Open) return;
            _state = ConnectionState.Draining;
            CollectUnsentUnderLock(unsent);
        }

        _endpoint.Replace(this);
        foreach (PendingCall call in unsent) call.OnFailed(Lost(FailureKind.NotBegun, null));
    }

    private bool IsDrained()
    {
        lock (_lock) return _state == ConnectionState.Draining && _calls.Open == 0;
    }

    private void Close(Exception? cause)
    {
        List<PendingCall> unsent = [];
        List<PendingCall> sent = [];
        lock (_lock)
        {
            _state = ConnectionState.Closed;
            CollectUnsentUnderLock(unsent);
            _calls.CollectInFlight(sent);
            foreach (PendingCall call in sent) _calls.Abandon(call);
            _output.Clear();
            _timer?.Dispose();
            _timer = null;
            UpdateLoadUnderLock();
        }

        _wake.Set();
        bool isOurEnd = _closing.IsCancellationRequested && _endpoint.IsDisposed;
        if (!isOurEnd) Log.Ended(_logger, _endpoint.Address, cause?.Message ?? "the server ended it");
        if (!_hasSaidGoodbye) _endpoint.Replace(this);
        foreach (PendingCall call in unsent) call.OnFailed(isOurEnd ? CallFailure.Disposed() : Lost(FailureKind.NotBegun, cause));
        foreach (PendingCall call in sent) call.OnFailed(isOurEnd ? CallFailure.Disposed() : Lost(_hasSaidGoodbye ? FailureKind.NotBegun : FailureKind.Unanswered, cause));
    }

    private CallFailure Lost(FailureKind kind, Exception? cause)
    {
        // What the server said to the hello is each call's answer.
        if (cause is InferenceException { Status: not StatusCode.Unknown } refusal && !_hasOpened)
        {
            return Failures.Of(new InferenceException(refusal.Status, refusal.Message, refusal) { RetryAfter = refusal.RetryAfter, Refusal = refusal.Refusal }, _endpoint);
        }

        string reason = cause?.Message ?? (_hasSaidGoodbye ? "the server is stopping" : "the server ended it");
        string what = kind == FailureKind.Unanswered ? "was lost before the answer came" : "could not be used";
        return new CallFailure(kind, new InferenceConnectionException($"The connection to {_endpoint.Address} {what}: {reason}", kind == FailureKind.Unanswered, cause)) { Where = _endpoint };
    }

    /// <summary>Takes out all calls that the server has certainly not got.</summary>
    private void CollectUnsentUnderLock(List<PendingCall> unsent)
    {
        Debug.Assert(_lock.IsHeldByCurrentThread);
        _calls.CollectInFlight(unsent);
        unsent.RemoveAll(call => call.FrameStart < _output.Taken);
        foreach (PendingCall call in unsent) _calls.Remove(_calls.NumberOf(call.Slot));
        while (_calls.Dequeue() is { } call) unsent.Add(call);
        UpdateLoadUnderLock();
    }

    private bool HasRoomUnderLock() => _calls.HasRoom && _output.Waiting < _options.MaxQueuedBytes;

    /// <summary>Writes a call into the output.</summary>
    /// <returns>Why it cannot be written; null when it was.</returns>
    private Exception? WriteUnderLock(PendingCall call)
    {
        Debug.Assert(_lock.IsHeldByCurrentThread);
        uint number = _calls.Add(call);
        try
        {
            MessageHead head = new(call.Kind, number);
            long left = call.MicrosecondsLeft(_time);
            long body = call.BodyBytes(left);
            long bytes = head.FrameBytes + body;
            if (bytes - Frame.LengthBytes > _maxFrameBytes || bytes > Array.MaxLength)
            {
                throw new InferenceException(StatusCode.InvalidArgument, $"The request has {bytes} bytes; the server takes {_maxFrameBytes}.");
            }

            Span<byte> to = _output.Reserve((int)bytes);
            int start = head.WriteFrame(to, (int)body);
            MessagePackWriter writer = new(to[start..]);
            call.WriteBody(ref writer, left);
            if (writer.Position != body) throw new InvalidOperationException("The request was changed while it was written.");
            call.FrameStart = _output.Written;
            _output.Commit((int)bytes);
            return null;
        }
#pragma warning disable CA1031 // Whatever is wrong with a request is its call's failure; nothing of it has been written.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _calls.Remove(number);
            return error;
        }
    }

    private void WriteCancelUnderLock(uint number)
    {
        Debug.Assert(_lock.IsHeldByCurrentThread);
        MessageHead head = new(MessageKind.Cancel, number);
        Span<byte> to = _output.Reserve(head.FrameBytes + MessagePackWriter.NilSize);
        MessagePackWriter writer = new(to[head.WriteFrame(to, MessagePackWriter.NilSize)..]);
        writer.WriteNil();
        _output.Commit(to.Length);
    }

    private void SendInline()
    {
        _isInline = true;
        _wake.SetInline();
    }

    /// <summary>The sending loop: writes waiting calls that have got room, and sends all that has been written, in as few writes as there are segments.</summary>
    private async Task SendAllAsync(Stream stream)
    {
        try
        {
            while (true)
            {
                await _wake.WaitAsync().ConfigureAwait(false);
                while (TryTakeSegment(out Segment segment))
                {
                    try
                    {
                        await stream.WriteAsync(segment.Buffer.AsMemory(0, segment.Length), default).ConfigureAwait(false);
                    }
                    finally
                    {
                        ArrayPool<byte>.Shared.Return(segment.Buffer);
                    }

                    // A caller's thread sends its own frame, and not for ever everybody else's.
                    if (!_isInline) continue;
                    _isInline = false;
                    if (HasMore()) await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
                }

                _isInline = false;
                if (_state >= ConnectionState.Draining) return;
            }
        }
#pragma warning disable CA1031 // The receiving loop ends the connection, and says why.
        catch (Exception error)
#pragma warning restore CA1031
        {
            // What the server said last, answers and a goodbye, may still be there to be read; after it, receiving fails as well, or else is ended.
            Interlocked.CompareExchange(ref _givenUpReason, error.Message, null);
            AbortAfter(_options.KeepAliveTimeout);
        }
    }

    private bool HasMore()
    {
        lock (_lock) return _output.Waiting > 0 || _calls.Waiting > 0;
    }

    private bool TryTakeSegment(out Segment segment)
    {
        segment = default;
        bool isTaken;
        lock (_lock)
        {
            if (_state != ConnectionState.Open) return false;
            while (_calls.Waiting > 0 && HasRoomUnderLock())
            {
                PendingCall call = _calls.Dequeue()!;
                if (WriteUnderLock(call) is { } error) _unwritable.Add((call, error));
            }

            isTaken = _output.TryTake(out segment);
            UpdateLoadUnderLock();
        }

        if (_unwritable.Count == 0) return isTaken;
        foreach ((PendingCall call, Exception error) in _unwritable) call.OnFailed(new CallFailure(FailureKind.Final, error));
        _unwritable.Clear();
        return isTaken;
    }

    /// <summary>Ends calls whose deadline has passed, and sees to pings; called by the timer.</summary>
    private void Look()
    {
        List<PendingCall> expired = [];
        bool mustPing = false;
        string? reason = null;
        lock (_lock)
        {
            if (_state == ConnectionState.Closed) return;
            long now = _time.GetTimestamp();
            long next = _calls.CollectExpired(now, expired);
            if (_state == ConnectionState.Open && _options.KeepAliveInterval != Timeout.InfiniteTimeSpan)
            {
                long pingDue = Volatile.Read(ref _lastReceived) + Ticks(_options.KeepAliveInterval);
                long deadDue = pingDue + Ticks(_options.KeepAliveTimeout);
                _isPinging &= now >= pingDue;
                long messageDue = Volatile.Read(ref _messageDue);
                if (_isPinging && now >= deadDue) reason = "it answers no pings";
                if (now >= messageDue) reason = "a message that it began does not get on";
                mustPing = now >= pingDue && !_isPinging && _calls.HasRoomForPing;

                // A server owes an answer to what was abandoned as much as to a ping.
                _isPinging |= mustPing || (now >= pingDue && _calls.IsFullOfAbandoned);
                next = Math.Min(next, now < pingDue ? pingDue : _isPinging ? deadDue : now + Ticks(_options.KeepAliveInterval));
                next = Math.Min(next, messageDue);
            }

            _timerDue = long.MaxValue;
            if (next != long.MaxValue) ArmUnderLock(next);
            if (mustPing) WriteUnderLock(new ModelCall(MessageKind.Ping, null, null) { Deadline = long.MaxValue, Carrier = this });
        }

        foreach (PendingCall call in expired) Abandon(call, CallFailure.Expired());
        if (mustPing) _wake.Set();
        if (reason is null) return;
        Interlocked.CompareExchange(ref _givenUpReason, reason, null);
        Abort();
    }

    private void ArmUnderLock(long due)
    {
        Debug.Assert(_lock.IsHeldByCurrentThread);
        _timerDue = due;
        if (_timer is null) return;

        // Rounded up to the timer's milliseconds: a call must not expire before its deadline, nor the timer run for nothing.
        double milliseconds = Math.Ceiling(Math.Max(0, due - _time.GetTimestamp()) * (1e3 / _time.TimestampFrequency));
        _timer.Change(TimeSpan.FromMilliseconds(Math.Min(milliseconds, InferenceClientOptionsValidator.LongestTime.TotalMilliseconds)), Timeout.InfiniteTimeSpan);
    }

    private long Ticks(TimeSpan time) => (long)(time.TotalSeconds * _time.TimestampFrequency);

    private void UpdateLoadUnderLock() => Volatile.Write(ref _load, _calls.Open + _calls.Waiting);

    private static partial class Log
    {
        [LoggerMessage(7000, LogLevel.Information, "Connected to {Endpoint}.", EventName = "ConnectionOpened")]
        public static partial void Opened(ILogger logger, EndpointAddress endpoint);

        [LoggerMessage(7001, LogLevel.Warning, "The connection to {Endpoint} ended: {Reason}", EventName = "ConnectionEnded")]
        public static partial void Ended(ILogger logger, EndpointAddress endpoint, string reason);
    }
}
