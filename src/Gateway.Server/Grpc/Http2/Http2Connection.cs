using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using Gateway.Core.Memory;
using Gateway.Protocol.Frames;
using Gateway.Protocol.Http2;
using Gateway.Server.Calls;
using Gateway.Server.Grpc.Wire;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Grpc.Http2;

/// <summary>One HTTP/2 connection: reads its frames and has the calls on its streams served (RFC 9113).</summary>
/// <remarks>
/// <b>Behaviour</b>: a direct call's message is taken off the connection's buffers where it lies; other bodies are kept until their calls read them. What breaks the protocol
/// ends the stream that it is about, or else the connection, with the code that the RFC has for it. <b>Threading</b>: one loop reads.
/// <b>Cost</b>: streams are made as they are needed, and used again.
/// </remarks>
internal sealed partial class Http2Connection
{
    /// <summary>What a client may send of one stream before it is taken.</summary>
    public const int StreamWindow = 1 << 20;

    /// <summary>Likewise, of all together: one stream that is not read must not stop the others.</summary>
    public const int ConnectionWindow = 16 << 20;

    /// <summary>Calls that are not at their end, of those that the client has given up too.</summary>
    private const int MostTracked = 2 * GrpcListener.MostStreams;

    // Kept for the next calls.
    private const int MostFree = 256;
    private const int FirstWindow = 65_535;
    private const int SettingBytes = 6;

    // A client that has been told why hangs up; one that sends on is read until it has had the time to.
    private static readonly TimeSpan LongestSilence = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestLinger = TimeSpan.FromSeconds(1);

    // As long as the longest batch that is run on such a thread.
    private static readonly TimeSpan LongestTake = TimeSpan.FromMilliseconds(4);

    private readonly ConnectionContext _connection;
    private readonly PipeReader _input;
    private readonly GrpcApplication _calls;
    private readonly BlockPool _pool;
    private readonly GatherShare _share;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly MemoryPool<byte> _memory;
    private readonly HeadReader _heads = new();
    private readonly Dictionary<int, Http2Stream> _streams = [];
    private readonly Stack<Http2Stream> _free = new();
    private readonly Posted<Http2Stream> _finished = new();
    private readonly ConcurrentQueue<Http2Stream> _attended = new();
    private readonly List<Http2Stream> _opened = [];
    private readonly AutoSignal _hasFinished = new();
    private readonly EndedStreams _ended = new();
    private readonly FloodGuard _guard = new();
    private readonly HeaderBlock _block = new();
    private readonly Goodbye _goodbye = new();
    private readonly Liveness _liveness;
    private readonly Arrivals _arrivals;
    private readonly long _longestTake;
    private int _readerThread;
    private int _lastStream;
    private int _open;
    private int _sendWindow = FirstWindow;
    private int _receiveWindow = ConnectionWindow;
    private int _notGivenBack;
    private bool _hasSettings;
    private volatile bool _isBroken;
    private volatile bool _isClosing;

    public Http2Connection(ConnectionContext connection, GrpcApplication calls, BlockPool pool, KeepAliveTimes times, TimeProvider time, ILogger logger)
    {
        _connection = connection;
        _input = connection.Transport.Input;
        _calls = calls;
        _pool = pool;
        _share = new GatherShare(pool.CeilingBytes / 2);
        _time = time;
        _logger = logger;
        _memory = connection.Features.Get<IMemoryPoolFeature>()?.MemoryPool ?? MemoryPool<byte>.Shared;
        _longestTake = (long)(LongestTake.TotalSeconds * time.TimestampFrequency);
        _arrivals = new Arrivals(connection);
        Sender = new Http2Sender(this, connection.Transport.Output, pool);
        _liveness = new Liveness(times, time);
    }

    public Http2Sender Sender { get; }

    /// <summary>Whether the calling thread is the one that handles what was read; it sends what there is when it has.</summary>
    public bool IsReader => _readerThread == Environment.CurrentManagedThreadId;

    /// <summary>Whether there is something to send when the reader has handled what it read; the reader's.</summary>
    public bool MustSend { get; set; }

    public long Now => _time.GetTimestamp();

    public GrpcCall MakeCall(Http2Stream stream) => new(stream, _pool, _share, _time);

    /// <summary>Serves the connection until one side ends it.</summary>
    public async Task RunAsync()
    {
        _connection.Features.Get<IConnectionHeartbeatFeature>()?.OnHeartbeat(static connection => ((Http2Connection)connection).Look(), this);
        CancellationToken closing = _connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested ?? default;
        using (closing.UnsafeRegister(static connection => ((Http2Connection)connection!).BeginStopping(), this))
        {
            Exception? reason = null;
            try
            {
                if (await Handshake.AwaitAsync(_input, _connection.Transport.Output, () => _goodbye.IsDue).ConfigureAwait(false))
                {
                    Greet();
                    await ReadAllAsync().ConfigureAwait(false);
                }
            }
            catch (Http2Exception error)
            {
                Log.Refused(_logger, _connection.ConnectionId, error.Message);
                Sender.Control.GoAway(_lastStream, error.Code);
                reason = error;
            }
            catch (Exception error) when (error is IOException or ConnectionAbortedException or OperationCanceledException or InvalidOperationException)
            {
                reason = error;
            }
#pragma warning disable CA1031 // The calls in flight still have to come to their end before the connection may.
            catch (Exception error)
#pragma warning restore CA1031
            {
                Log.Broken(_logger, _connection.ConnectionId, error);
                Sender.Control.GoAway(_lastStream, ErrorCodes.Internal);
                reason = error;
            }

            await CloseAsync(reason).ConfigureAwait(false);
            if (reason is Http2Exception && _hasSettings) await LingerAsync().ConfigureAwait(false);
        }
    }

    /// <summary>The sender's: hands a stream back whose call is over.</summary>
    public void Finish(Http2Stream stream)
    {
        _finished.Post(stream);

        // Looked at once it is posted: a reader that wrote to its input and had taken what was posted before would not come again. One that has taken this one too has given back what is left.
        if (_isClosing) _hasFinished.Set();
        else if (_goodbye.IsDue || stream.Input is { Left: > 0 }) _input.CancelPendingRead();
    }

    /// <summary>Anybody's: has the reader look at a stream whose time is over, or that is reset.</summary>
    public void Attend(Http2Stream stream)
    {
        _attended.Enqueue(stream);
        _input.CancelPendingRead();
    }

    /// <summary>So many bytes of what has come are taken.</summary>
    public void GiveBack(int bytes)
    {
        // Half of what is not kept: of the whole window where nothing is, of little where calls that are not read have most of it.
        if (Interlocked.Add(ref _notGivenBack, bytes) >= Volatile.Read(ref _receiveWindow)) GiveBackAll();
    }

    private void GiveBackAll()
    {
        int given = Interlocked.Exchange(ref _notGivenBack, 0);
        if (given == 0) return;
        Interlocked.Add(ref _receiveWindow, given);
        Sender.GiveBack(0, given);
    }

    /// <summary>The sender's: nobody writes any more.</summary>
    public void OnSent()
    {
        if (_isClosing) _hasFinished.Set();
    }

    /// <summary>The sender's: the client takes nothing any more.</summary>
    public void OnBroken(Exception? error)
    {
        if (!_isClosing && error is not null and not (IOException or ConnectionAbortedException or OperationCanceledException)) Log.Broken(_logger, _connection.ConnectionId, error);
        _isBroken = true;
        _input.CancelPendingRead();
    }

    /// <summary>A method has left an exception to nobody.</summary>
    public void OnFailed(GrpcCall call, Exception error) => GrpcFailures.End(call, error, _logger);

    private void Greet()
    {
        Span<byte> settings = stackalloc byte[3 * SettingBytes];
        WriteSetting(settings, 3, GrpcListener.MostStreams);
        WriteSetting(settings[SettingBytes..], 4, StreamWindow);
        WriteSetting(settings[(2 * SettingBytes)..], 6, RequestFields.MostListBytes);
        Sender.Control.Add(FrameType.Settings, 0, 0, settings);
        Sender.Control.WindowUpdate(0, ConnectionWindow - FirstWindow);
        Sender.Send();
    }

    private static void WriteSetting(Span<byte> to, ushort name, int value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(to, name);
        BinaryPrimitives.WriteInt32BigEndian(to[sizeof(ushort)..], value);
    }

    private async Task ReadAllAsync()
    {
        while (true)
        {
            ValueTask<ReadResult> reading = _input.ReadAsync();
            bool wasThere = reading.IsCompleted;
            ReadResult result = await reading.ConfigureAwait(false);
            ReadOnlySequence<byte> buffer = result.Buffer;
            long now = Now;
            if (!buffer.IsEmpty) _liveness.OnRead(now);
            _arrivals.Read(now, buffer.Length, wasThere);
            _readerThread = Environment.CurrentManagedThreadId;
            try
            {
                AttendAll();
                TakeAll(ref buffer);
                AwaitOpened();
                if (!_finished.IsEmpty) TakeFinished();
            }
            finally
            {
                _readerThread = 0;
                _input.AdvanceTo(buffer.Start, buffer.End);
            }

            if (_goodbye.Say(Sender.Control, _lastStream)) MustSend = true;
            if (MustSend)
            {
                MustSend = false;
                Sender.Send();
            }

            if (Sender.Control.IsFlooded) throw new Http2Exception(ErrorCodes.EnhanceYourCalm, "the client does not read what it asks for");
            if (result.IsCompleted || _isBroken) return;
            if (_goodbye.IsSaid && IsEmpty()) return;
        }
    }

    /// <summary>Ends all calls that are left, and waits for them.</summary>
    private async Task CloseAsync(Exception? reason)
    {
        _isClosing = true;
        ConnectionAbortedException error = reason is null ? new("The connection is closed.") : new("The connection is closed.", reason);
        foreach (Http2Stream stream in _streams.Values) stream.Abort(isGone: true, error);
        Sender.Send();
        while (!IsEmpty() || Sender.IsRunning) await _hasFinished.WaitAsync().ConfigureAwait(false);
    }

    /// <summary>
    /// Reads on for a moment, until the client has heard why the connection ends: one that is closed with bytes unread is reset by the system, and what was sent last may be lost to the client.
    /// </summary>
    private async Task LingerAsync()
    {
        long began = TimeProvider.System.GetTimestamp();

        // No more than a client that keeps to its windows has on its way.
        long left = ConnectionWindow;
        ITimer silence = TimeProvider.System.CreateTimer(static input => ((PipeReader)input!).CancelPendingRead(), _input, LongestSilence, Timeout.InfiniteTimeSpan);
        await using (silence.ConfigureAwait(false))
        {
            while (!_isBroken && left > 0 && TimeProvider.System.GetElapsedTime(began) < LongestLinger)
            {
                ReadResult result;
                try
                {
                    result = await _input.ReadAsync().ConfigureAwait(false);
                }
                catch (Exception error) when (error is IOException or ConnectionAbortedException or OperationCanceledException)
                {
                    return;
                }

                bool isSilent = result.IsCanceled || result.IsCompleted;
                left -= result.Buffer.Length;
                _input.AdvanceTo(result.Buffer.End);
                if (isSilent) return;
                silence.Change(LongestSilence, Timeout.InfiniteTimeSpan);
            }
        }
    }

    private bool IsEmpty()
    {
        TakeFinished();
        return _streams.Count == 0;
    }

    private void TakeFinished()
    {
        for (Http2Stream? stream = _finished.TakeAll(); stream is not null;)
        {
            Http2Stream each = stream;
            stream = stream.Next;
            each.Next = null;
            if (!_streams.Remove(each.Id)) throw new InvalidOperationException($"Stream {each.Id} has finished twice.");
            if (!each.IsGone) _open--;
            if (!each.IsRemoteClosed) _ended.Add(each.Id);
            else if (!each.IsGone) _guard.OnAnswered();
            long left = each.Renew();
            if (left > 0) GiveBack((int)left);
            if (_free.Count < MostFree) _free.Push(each);
        }
    }

    /// <summary>Begins to wait for the messages of calls that have come without.</summary>
    private void AwaitOpened()
    {
        foreach (Http2Stream stream in _opened)
        {
            if (stream.Call.IsRead) stream.Call.AwaitMore();
        }

        _opened.Clear();
    }

    /// <summary>Looks at streams whose time is over, or that the server has reset.</summary>
    private void AttendAll()
    {
        while (_attended.TryDequeue(out Http2Stream? stream))
        {
            if (!_streams.TryGetValue(stream.Id, out Http2Stream? open) || open != stream) continue;
            if (stream.ResetCode >= 0) stream.Abort(isGone: false, new IOException("The stream was reset by the server."));
            else if (stream.Call.Direct is { } direct && stream.Call.IsRead) direct.OnTime(stream.Call);
        }
    }

    private void TakeAll(ref ReadOnlySequence<byte> buffer)
    {
        Span<byte> scratch = stackalloc byte[FrameHeader.Bytes];
        while (buffer.Length >= FrameHeader.Bytes)
        {
            bool isSplit = buffer.FirstSpan.Length < FrameHeader.Bytes;
            if (isSplit) buffer.Slice(0, FrameHeader.Bytes).CopyTo(scratch);
            FrameHeader header = FrameHeader.Read(isSplit ? scratch : buffer.FirstSpan);
            if (header.Length > FrameHeader.MostPayload) throw new Http2Exception(ErrorCodes.FrameSize, $"a frame of {header.Length} bytes");
            if (!_hasSettings && (header.Type != FrameType.Settings || header.Has(FrameHeader.Ack))) throw Violation("the first frame is no SETTINGS");
            int whole = FrameHeader.Bytes + header.Length;
            if (buffer.Length < whole) break;
            _arrivals.Took(buffer.Length);
            ReadOnlySequence<byte> payload = buffer.Slice(FrameHeader.Bytes, header.Length);
            buffer = buffer.Slice(payload.End);
            Take(header, payload, isLast: buffer.IsEmpty || IsEmptyFrame(buffer));
        }

        _arrivals.Took(buffer.Length);
    }

    /// <summary>Whether nothing is left but a frame without a payload: many clients end a call with one of its own.</summary>
    private static bool IsEmptyFrame(in ReadOnlySequence<byte> buffer) => buffer.Length == FrameHeader.Bytes && buffer.FirstSpan.Length == FrameHeader.Bytes && FrameHeader.Read(buffer.FirstSpan).Length == 0;

    private void BeginStopping()
    {
        _goodbye.Begin();
        _input.CancelPendingRead();
    }

    /// <summary>Looks whether the client is there; called once a second.</summary>
    private void Look()
    {
        _guard.OnSecond();
        switch (_liveness.Look(Now, _hasSettings, Sender.FlushBegan))
        {
            case Pulse.Silent:
                Sender.Control.Add(FrameType.Ping, 0, 0, Liveness.KeepAlivePing);
                Sender.Wake();
                break;
            case Pulse.Idle:
                BeginStopping();
                break;
            case Pulse.Gone:
                _connection.Abort(new ConnectionAbortedException("The client does not answer, or does not take what it is sent."));
                return;
        }

        if (_goodbye.OnSecond()) _input.CancelPendingRead();
    }

    private static Http2Exception Violation(string message) => new(ErrorCodes.Protocol, message);

    private static partial class Log
    {
        [LoggerMessage(4410, LogLevel.Debug, "gRPC connection {Connection} is refused: {Reason}", EventName = "Http2Refused")]
        public static partial void Refused(ILogger logger, string connection, string reason);

        [LoggerMessage(4411, LogLevel.Error, "gRPC connection {Connection} ended unexpectedly.", EventName = "Http2Broken")]
        public static partial void Broken(ILogger logger, string connection, Exception error);
    }
}
