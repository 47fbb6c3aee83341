using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using Gateway.Core.Memory;
using Gateway.Core.Scheduling;
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
    private const int PriorityBytes = 5;
    private const int PingBytes = 8;

    // A request's block, in as many frames; empty ones count too.
    private const int MostBlockBytes = RequestFields.MostListBytes;
    private const int MostBlockFrames = 64;

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
    private byte[] _block = [];
    private int _blockBytes;
    private int _blockFrames;
    private int _blockStream;
    private bool _blockEndsStream;
    private volatile bool _isBroken;
    private volatile bool _isClosing;
    private volatile bool _isStopping;
    private bool _hasSaidGoodbye;
    private volatile bool _isLastKnown;
    private bool _hasSaidLast;

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
                if (await Handshake.AwaitAsync(_input, _connection.Transport.Output, () => _isStopping).ConfigureAwait(false))
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
        }
    }

    /// <summary>The sender's: hands a stream back whose call is over.</summary>
    public void Finish(Http2Stream stream)
    {
        _finished.Post(stream);
        if (_isClosing) _hasFinished.Set();
        else if (_isStopping) _input.CancelPendingRead();
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
        if (Interlocked.Add(ref _notGivenBack, bytes) < ConnectionWindow / 2) return;
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
            }
            finally
            {
                _readerThread = 0;
                _input.AdvanceTo(buffer.Start, buffer.End);
            }

            if (_isStopping) SayGoodbye();
            if (MustSend)
            {
                MustSend = false;
                Sender.Send();
            }

            if (Sender.Control.IsFlooded) throw new Http2Exception(ErrorCodes.EnhanceYourCalm, "the client does not read what it asks for");
            if (result.IsCompleted || _isBroken) return;
            if (_hasSaidLast && IsEmpty()) return;
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

    private void Take(in FrameHeader header, in ReadOnlySequence<byte> payload, bool isLast)
    {
        if (_blockStream != 0 && (header.Type != FrameType.Continuation || header.Stream != _blockStream)) throw Violation("a frame within a header block");
        switch (header.Type)
        {
            case FrameType.Data:
                TakeData(header, payload, isLast);
                break;
            case FrameType.Headers:
                TakeHeaders(header, payload, isLast);
                break;
            case FrameType.Continuation:
                if (_blockStream == 0) throw Violation("a CONTINUATION without HEADERS");
                TakeBlock(header, payload, isLast);
                break;
            case FrameType.Priority:
                if (header.Stream == 0) throw Violation("a PRIORITY frame of the connection");
                if (header.Length != PriorityBytes) Sender.Control.Reset(header.Stream, ErrorCodes.FrameSize);
                MustSend = true;
                _guard.OnIdleFrame();
                break;
            case FrameType.ResetStream:
                TakeReset(header);
                break;
            case FrameType.Settings:
                TakeSettings(header, payload);
                break;
            case FrameType.PushPromise:
                throw Violation("a client's PUSH_PROMISE");
            case FrameType.Ping:
                TakePing(header, payload);
                break;
            case FrameType.GoAway:
                if (header.Stream != 0) throw Violation("a GOAWAY of a stream");
                if (header.Length < PingBytes) throw new Http2Exception(ErrorCodes.FrameSize, "a GOAWAY cut short");
                break;
            case FrameType.WindowUpdate:
                TakeWindow(header, payload);
                break;
            default:
                _guard.OnIdleFrame();
                break;
        }
    }

    private void TakeHeaders(in FrameHeader header, ReadOnlySequence<byte> payload, bool isLast)
    {
        if ((header.Stream & 1) == 0) throw Violation("HEADERS of a stream that is no client's");
        payload = Strip(header, payload);
        _blockEndsStream = header.Has(FrameHeader.EndStream);
        if (header.Has(FrameHeader.EndHeaders) && payload.IsSingleSegment)
        {
            EndBlock(header.Stream, payload.FirstSpan, isLast);
            return;
        }

        _blockStream = header.Stream;
        _blockBytes = _blockFrames = 0;
        _liveness.BlockBegan = Now;
        TakeBlock(header, payload, isLast);
    }

    private void TakeBlock(in FrameHeader header, in ReadOnlySequence<byte> payload, bool isLast)
    {
        int needed = _blockBytes + (int)payload.Length;
        if (needed > MostBlockBytes || ++_blockFrames > MostBlockFrames) throw new Http2Exception(ErrorCodes.EnhanceYourCalm, $"headers of more than {MostBlockBytes} bytes or {MostBlockFrames} frames");
        if (needed > _block.Length) Array.Resize(ref _block, Math.Max(needed, 1024));
        payload.CopyTo(_block.AsSpan(_blockBytes));
        _blockBytes = needed;
        if (!header.Has(FrameHeader.EndHeaders)) return;
        _blockStream = 0;
        _liveness.BlockBegan = 0;
        EndBlock(header.Stream, _block.AsSpan(0, _blockBytes), isLast);
    }

    private void EndBlock(int id, ReadOnlySpan<byte> block, bool isLast)
    {
        try
        {
            if (id <= _lastStream) TakeTrailers(id, block, isLast);
            else TakeCall(id, block, isLast);
        }
        catch (InvalidDataException error)
        {
            throw new Http2Exception(ErrorCodes.Compression, error.Message);
        }
    }

    private void TakeTrailers(int id, ReadOnlySpan<byte> block, bool isLast)
    {
        bool hasPseudo = _heads.Skip(block);
        if (!_streams.TryGetValue(id, out Http2Stream? stream))
        {
            if (!_ended.Has(id)) throw new Http2Exception(ErrorCodes.StreamClosed, "HEADERS of a stream that is closed");
            return;
        }

        if (stream.IsRemoteClosed) throw new Http2Exception(ErrorCodes.StreamClosed, "HEADERS of a stream that the client has closed");
        if (stream.IsAborted) return;
        if (hasPseudo || !_blockEndsStream) stream.Reset(ErrorCodes.Protocol);
        else Deliver(stream, ReadOnlySequence<byte>.Empty, isEnd: true, isLast);
    }

    private void TakeCall(int id, ReadOnlySpan<byte> block, bool isLast)
    {
        _lastStream = id;
        TakeFinished();
        if (_hasSaidLast || _open >= GrpcListener.MostStreams || _streams.Count >= MostTracked)
        {
            _heads.Skip(block);
            Refuse(id, ErrorCodes.RefusedStream);
            return;
        }

        if (!_free.TryPop(out Http2Stream? stream)) stream = new Http2Stream(this, _memory);
        RequestFields fields = _heads.Read(block, stream.OwnFields);
        if (fields.IsTooLarge || fields.Problem is not null)
        {
            _free.Push(stream);
            Refuse(id, fields.IsTooLarge ? ErrorCodes.EnhanceYourCalm : ErrorCodes.Protocol);
            return;
        }

        stream.Open(id, fields, _blockEndsStream, _sendWindow, StreamWindow);
        _streams.Add(id, stream);
        _open++;
        stream.Call.Arrival = _arrivals.NextCame();
        _calls.Begin(stream.Call);
        if (_blockEndsStream) Deliver(stream, ReadOnlySequence<byte>.Empty, isEnd: true, isLast);
        else if (stream.Call.IsRead) _opened.Add(stream);
    }

    private void Refuse(int id, uint code)
    {
        if (!_blockEndsStream) _ended.Add(id);
        _guard.OnReset();
        Sender.Control.Reset(id, code);
        MustSend = true;
    }

    private void TakeData(in FrameHeader header, ReadOnlySequence<byte> payload, bool isLast)
    {
        CheckIsOpened(header.Stream);
        if (Interlocked.Add(ref _receiveWindow, -header.Length) < 0) throw new Http2Exception(ErrorCodes.FlowControl, "more than the connection's window");
        payload = Strip(header, payload);
        bool isEnd = header.Has(FrameHeader.EndStream);
        if (payload.IsEmpty && !isEnd) _guard.OnIdleFrame();
        if (!_streams.TryGetValue(header.Stream, out Http2Stream? stream) || stream.IsRemoteClosed)
        {
            GiveBack(header.Length);
            if (stream is not null) stream.Reset(ErrorCodes.StreamClosed);
            else if (!_ended.Has(header.Stream)) Refuse(header.Stream, ErrorCodes.StreamClosed);
            return;
        }

        if (!stream.TryReceive(header.Length))
        {
            GiveBack(header.Length);
            stream.Reset(ErrorCodes.FlowControl);
            return;
        }

        int unread = header.Length - (int)payload.Length;
        if (unread > 0) stream.GiveBack(unread);
        if (stream.BodyLeft >= 0 && (stream.BodyLeft -= payload.Length) < 0) stream.Reset(ErrorCodes.Protocol);
        Deliver(stream, payload, isEnd, isLast);
    }

    /// <summary>Gives a call what has come of its body.</summary>
    private void Deliver(Http2Stream stream, in ReadOnlySequence<byte> data, bool isEnd, bool isLast)
    {
        if (isEnd)
        {
            stream.IsRemoteClosed = true;
            if (stream.BodyLeft > 0) stream.Reset(ErrorCodes.Protocol);
        }

        if (stream.IsAborted || stream.ResetCode >= 0)
        {
            GiveBack((int)data.Length);
        }
        else if (stream.Call.Direct is not { } direct)
        {
            // A call that was refused has no input.
            if (stream.IsServing)
            {
                stream.Input!.Write(data);
                if (isEnd) stream.Input.End(null);
            }
            else
            {
                stream.GiveBack((int)data.Length);
            }
        }
        else
        {
            // Given back before: the call may be over by then. Nobody else sends on this thread.
            if (data.Length > 0) stream.GiveBack((int)data.Length);
            if (!stream.Call.IsRead) return;
            bool hasTime = Now - _arrivals.ReadAt < _longestTake;
            direct.Take(stream.Call, data, isEnd, !hasTime ? RunsHere.None : isLast ? RunsHere.Any : RunsHere.FullBatches);
        }
    }

    private void TakeReset(in FrameHeader header)
    {
        CheckIsOpened(header.Stream);
        if (header.Length != sizeof(uint)) throw new Http2Exception(ErrorCodes.FrameSize, "a RST_STREAM of another length");
        if (!_streams.TryGetValue(header.Stream, out Http2Stream? stream) || stream.IsGone) return;
        _guard.OnReset();
        _open--;
        stream.Abort(isGone: true, new ConnectionAbortedException("The client reset the stream."));
    }

    private void TakeSettings(in FrameHeader header, in ReadOnlySequence<byte> payload)
    {
        if (header.Stream != 0) throw Violation("SETTINGS of a stream");
        if (header.Has(FrameHeader.Ack) ? header.Length != 0 : header.Length % SettingBytes != 0) throw new Http2Exception(ErrorCodes.FrameSize, "SETTINGS of another length");
        _hasSettings = true;
        _guard.OnIdleFrame();
        if (header.Has(FrameHeader.Ack)) return;
        Span<byte> settings = stackalloc byte[FrameHeader.MostPayload];
        settings = settings[..header.Length];
        payload.CopyTo(settings);
        for (; settings.Length > 0; settings = settings[SettingBytes..]) Apply(BinaryPrimitives.ReadUInt16BigEndian(settings), BinaryPrimitives.ReadUInt32BigEndian(settings[sizeof(ushort)..]));
        Sender.Control.Add(FrameType.Settings, FrameHeader.Ack, 0, []);
        MustSend = true;
    }

    private void Apply(ushort name, uint value)
    {
        const int LargestFrame = (1 << 24) - 1;
        switch (name)
        {
            case 2 when value > 1:
                throw Violation("pushes are neither on nor off");
            case 4 when value > int.MaxValue:
                throw new Http2Exception(ErrorCodes.FlowControl, $"a window of {value} bytes");
            case 4:
                int change = (int)value - _sendWindow;
                _sendWindow = (int)value;
                foreach (Http2Stream stream in _streams.Values)
                {
                    if (stream.AddSendWindow(change) > int.MaxValue) throw new Http2Exception(ErrorCodes.FlowControl, "a stream's window is larger than there can be");
                    if (change > 0) stream.Post();
                }

                break;
            case 5:
                Sender.MostFrame = value is >= FrameHeader.MostPayload and <= LargestFrame ? (int)value : throw Violation($"frames of {value} bytes");
                break;
        }
    }

    private void TakePing(in FrameHeader header, in ReadOnlySequence<byte> payload)
    {
        if (header.Stream != 0) throw Violation("a PING of a stream");
        if (header.Length != PingBytes) throw new Http2Exception(ErrorCodes.FrameSize, "a PING of another length");
        _guard.OnIdleFrame();
        Span<byte> bytes = stackalloc byte[PingBytes];
        payload.CopyTo(bytes);
        if (!header.Has(FrameHeader.Ack))
        {
            Sender.Control.Add(FrameType.Ping, FrameHeader.Ack, 0, bytes);
            MustSend = true;
        }
        else if (bytes.SequenceEqual(Liveness.GoodbyePing))
        {
            _isLastKnown = true;
        }
    }

    private void TakeWindow(in FrameHeader header, in ReadOnlySequence<byte> payload)
    {
        if (header.Length != sizeof(uint)) throw new Http2Exception(ErrorCodes.FrameSize, "a WINDOW_UPDATE of another length");
        Span<byte> number = stackalloc byte[sizeof(uint)];
        payload.CopyTo(number);
        int bytes = BinaryPrimitives.ReadInt32BigEndian(number) & int.MaxValue;
        if (header.Stream == 0)
        {
            if (bytes == 0) throw Violation("a window that grows by nothing");
            if (Sender.AddWindow(bytes) > int.MaxValue) throw new Http2Exception(ErrorCodes.FlowControl, "the window is larger than there can be");
            return;
        }

        CheckIsOpened(header.Stream);
        if (!_streams.TryGetValue(header.Stream, out Http2Stream? stream)) return;
        if (bytes == 0) stream.Reset(ErrorCodes.Protocol);
        else if (stream.AddSendWindow(bytes) > int.MaxValue) stream.Reset(ErrorCodes.FlowControl);
        else stream.Post();
    }

    /// <summary>Streams are the client's, and odd; there must have been one of that number.</summary>
    private void CheckIsOpened(int stream)
    {
        if ((stream & 1) == 0 || stream > _lastStream) throw Violation($"a frame of stream {stream}, which was never opened");
    }

    /// <summary>Takes off padding and priority.</summary>
    private static ReadOnlySequence<byte> Strip(in FrameHeader header, in ReadOnlySequence<byte> payload)
    {
        int from = 0;
        int padding = 0;
        if (header.Has(FrameHeader.Padded))
        {
            if (payload.IsEmpty) throw new Http2Exception(ErrorCodes.FrameSize, "a padded frame without its padding's length");
            padding = payload.FirstSpan[0];
            from = 1;
        }

        if (header.Type == FrameType.Headers && header.Has(FrameHeader.HasPriority)) from += PriorityBytes;
        if (from == 0) return payload;
        if (from + padding > header.Length) throw Violation("more padding than there is of the frame");
        return payload.Slice(from, header.Length - from - padding);
    }

    private void BeginStopping()
    {
        _isStopping = true;
        _input.CancelPendingRead();
    }

    /// <summary>First says that the server stops, and then, when the client must have heard it, which call was the last one.</summary>
    private void SayGoodbye()
    {
        if (!_hasSaidGoodbye)
        {
            _hasSaidGoodbye = true;
            Sender.Control.GoAway(int.MaxValue, ErrorCodes.NoError);
            Sender.Control.Add(FrameType.Ping, 0, 0, Liveness.GoodbyePing);
            MustSend = true;
        }

        if (!_isLastKnown || _hasSaidLast) return;
        _hasSaidLast = true;
        Sender.Control.GoAway(_lastStream, ErrorCodes.NoError);
        MustSend = true;
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

        // A client that does not answer the ping has had its second.
        if (!_hasSaidGoodbye || _isLastKnown) return;
        _isLastKnown = true;
        _input.CancelPendingRead();
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
