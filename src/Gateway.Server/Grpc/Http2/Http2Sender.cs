using System.Buffers;
using System.IO.Pipelines;
using Gateway.Core.Memory;
using Gateway.Protocol;
using Gateway.Protocol.Http2;
using Gateway.Server.Calls;

namespace Gateway.Server.Grpc.Http2;

/// <summary>Writes what a connection sends: whatever is there in one go, answers of calls as they come, each in its windows.</summary>
/// <remarks>
/// <b>Behaviour</b>: a small answer is written where it is sent from, with its head and its end. What cannot leave yet, since the client does not take what was written or its
/// windows are full, is put aside in blocks of the pool, so that no slab waits for it, and leaves in turn with others. <b>Threading</b>: any thread posts; one at a time
/// writes: the connection's reader, when it has handled all that it read, or else a thread of the pool. <b>Cost</b>: no allocation an answer.
/// </remarks>
internal sealed class Http2Sender : IThreadPoolWorkItem
{
    private const int Idle = 0;
    private const int Running = 1;
    private const int RunningAndWanted = 2;

    // What is written before the transport is asked to send it.
    private const int MostAFlush = 64 * 1024;

    // An answer written at once lies in one block of the transport's memory.
    private const int MostDirect = 8 * 1024;
    private const int FirstWindow = 65_535;

    private readonly Http2Connection _connection;
    private readonly PipeWriter _output;
    private readonly BlockPool _pool;
    private readonly Posted<Http2Stream> _posted = new();

    // Streams that wait for the transport, and for the connection's window.
    private readonly WaitingStreams _waiting = new();
    private readonly WaitingStreams _starved = new();
    private readonly OutputFlush _flush;
    private int _state;
    private long _window = FirstWindow;
    private int _mostFrame = FrameHeader.MostPayload;
    private int _written;
    private volatile bool _isBroken;
    private long _flushBegan;

    // The answer that is being written where it is sent from.
    private Http2Stream? _direct;
    private int _directBytes;

    public Http2Sender(Http2Connection connection, PipeWriter output, BlockPool pool)
    {
        _connection = connection;
        _output = output;
        _pool = pool;
        _flush = new OutputFlush(output, Wake);
    }

    public ControlFrames Control { get; } = new();

    /// <summary>Longest frame that the client takes; the reader's to set.</summary>
    public int MostFrame
    {
        set => Volatile.Write(ref _mostFrame, value);
    }

    /// <summary>When the flush under way began; 0 for none.</summary>
    public long FlushBegan => Volatile.Read(ref _flushBegan);

    /// <summary>Whether somebody writes.</summary>
    public bool IsRunning => Volatile.Read(ref _state) != Idle;

    private bool CanWrite => !_flush.IsUnderWay && _written < MostAFlush;

    /// <summary>The reader's: the client may be sent more.</summary>
    /// <returns>What it may be sent from now on.</returns>
    public long AddWindow(long bytes)
    {
        long window = Interlocked.Add(ref _window, bytes);
        Wake();
        return window;
    }

    /// <summary>Has a stream looked at, which is not posted already.</summary>
    public void Post(Http2Stream stream)
    {
        _posted.Post(stream);
        Wake();
    }

    /// <summary>Lets the client send so much more on a stream.</summary>
    public void GiveBack(int stream, int bytes)
    {
        Control.WindowUpdate(stream, bytes);
        Wake();
    }

    /// <summary>Has everything that is there sent, soon.</summary>
    public void Wake()
    {
        // The reader does so itself, when it has handled what it read.
        if (_connection.IsReader)
        {
            _connection.MustSend = true;
            return;
        }

        if (TryEnter()) ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>The reader's: sends what is there, unless somebody is at it.</summary>
    public void Send()
    {
        if (TryEnter()) Run();
    }

    void IThreadPoolWorkItem.Execute() => Run();

    /// <summary>Takes room for a direct call's message, of which there is one; the sender's, while it has the call answered.</summary>
    /// <returns>Exactly so many bytes, all of which are to be written.</returns>
    /// <exception cref="InferenceException">There is no memory for it.</exception>
    public Span<byte> Room(Http2Stream stream, long bytes)
    {
        if (CanWrite && bytes <= MostDirect && bytes <= stream.SendWindow && bytes <= Volatile.Read(ref _window))
        {
            _direct = stream;
            _directBytes = (int)bytes;
            return _output.GetSpan(DirectHead + _directBytes + DirectTail).Slice(DirectHead, _directBytes);
        }

        if (!_pool.TryRent(bytes, BlockOwner.ResponseTensors, out MemoryBlock? block)) throw new InferenceException(StatusCode.Unavailable, "there is no memory left for the answer: the memory pool is at its ceiling");
        stream.Aside = block;
        stream.AsideBytes = (int)bytes;
        stream.AsideSent = 0;
        return block.Span[..(int)bytes];
    }

    private static int DirectHead => FrameHeader.Bytes + FieldBlock.Head.Length + FrameHeader.Bytes;

    private static int DirectTail => FrameHeader.Bytes + FieldBlock.Tail.Length;

    /// <returns>Whether the caller is to run.</returns>
    private bool TryEnter()
    {
        while (true)
        {
            int state = Volatile.Read(ref _state);
            if (state == RunningAndWanted) return false;
            if (Interlocked.CompareExchange(ref _state, state + 1, state) == state) return state == Idle;
        }
    }

    private void Run()
    {
        while (true)
        {
            try
            {
                SendAll();
            }
#pragma warning disable CA1031 // What cannot be written to is gone, whatever the reason; streams have to be handed back all the same.
            catch (Exception error)
#pragma warning restore CA1031
            {
                Break(error);
            }

            if (Interlocked.CompareExchange(ref _state, Idle, Running) == Running)
            {
                _connection.OnSent();
                return;
            }

            Volatile.Write(ref _state, Running);
        }
    }

    private void Break(Exception? error)
    {
        if (_isBroken) return;
        _isBroken = true;
        _connection.OnBroken(error);
    }

    private void SendAll()
    {
        if (_flush.IsCompleted) EndFlush();
        bool goesOn = true;
        while (goesOn)
        {
            if (!_flush.IsUnderWay && !_isBroken) _written += Control.WriteTo(_output);
            if (CanWrite) LookAtAll(_waiting);
            if (CanWrite && Volatile.Read(ref _window) > 0) LookAtAll(_starved);
            for (Http2Stream? stream = _posted.TakeAll(); stream is not null;)
            {
                Http2Stream each = stream;
                stream = stream.Next;
                each.Next = null;
                each.Unpost();
                LookAt(each);
            }

            goesOn = _written > 0 && !_flush.IsUnderWay && BeginFlush();
        }
    }

    private void LookAtAll(WaitingStreams streams)
    {
        // One that can send only a part goes to the end: each is looked at once.
        Http2Stream? again = null;
        while (streams.First is { } stream && stream != again)
        {
            streams.Remove(stream);
            LookAt(stream);
            if (stream.WaitsIn == streams) again ??= stream;
        }
    }

    private void LookAt(Http2Stream stream)
    {
        try
        {
            Serve(stream);
        }
#pragma warning disable CA1031 // What cannot be written to is gone, whatever the reason; the stream has to be handed back all the same.
        catch (Exception error)
#pragma warning restore CA1031
        {
            Break(error);
            Drop(stream);
        }
    }

    private void Serve(Http2Stream stream)
    {
        if (_isBroken || stream.IsGone)
        {
            Drop(stream);
            return;
        }

        if (stream.ResetCode >= 0 && !stream.IsEndSent)
        {
            Control.Reset(stream.Id, (uint)stream.ResetCode);
            if (!_flush.IsUnderWay) _written += Control.WriteTo(_output);
            stream.IsEndSent = true;
        }

        if (stream.IsEndSent)
        {
            Drop(stream);
            return;
        }

        if (stream.IsAnswered && !stream.IsServed) Answer(stream);
        if (!stream.IsStarted && !stream.IsServed) return;
        if (!stream.IsEndSent && CanWrite) Write(stream);
        else if (!stream.IsEndSent) WaitForTransport(stream);
        TryFinish(stream);
    }

    /// <summary>Nothing of it is sent any more; the call may yet have to come to its end.</summary>
    private void Drop(Http2Stream stream)
    {
        stream.WaitsIn?.Remove(stream);
        if (stream.IsAnswered && !stream.IsServed) stream.Call.Direct!.Drop(stream.Call);
        stream.IsEndSent = true;
        stream.Aside?.Release();
        stream.Aside = null;
        stream.Output?.Drop();
        TryFinish(stream);
    }

    private void TryFinish(Http2Stream stream)
    {
        if (!stream.IsEndSent || !stream.IsServed || !stream.TryFinish()) return;
        stream.WaitsIn?.Remove(stream);
        stream.Aside?.Release();
        stream.Aside = null;
        _connection.Finish(stream);
    }

    /// <summary>Has a direct call answered.</summary>
    private void Answer(Http2Stream stream)
    {
        _direct = null;
        stream.Call.Direct!.Answer(stream.Call);
        if (_direct is null) return;
        _direct = null;

        // It failed after all.
        if (!stream.Call.HasMessages) return;
        Span<byte> frames = _output.GetSpan(DirectHead + _directBytes + DirectTail);
        int bytes = 0;
        if (stream.IsHeadUsual)
        {
            bytes = Header(frames, FieldBlock.Head.Length, FrameType.Headers, FrameHeader.EndHeaders, stream.Id);
            FieldBlock.Head.CopyTo(frames[bytes..]);
            bytes += FieldBlock.Head.Length;
            bytes += Header(frames[bytes..], _directBytes, FrameType.Data, 0, stream.Id) + _directBytes;
            if (stream.IsTailUsual)
            {
                bytes += Header(frames[bytes..], FieldBlock.Tail.Length, FrameType.Headers, FrameHeader.EndHeaders | FrameHeader.EndStream, stream.Id);
                FieldBlock.Tail.CopyTo(frames[bytes..]);
                bytes += FieldBlock.Tail.Length;
            }

            _output.Advance(bytes);
        }
        else
        {
            // Its head has other fields, which go before: the message has to move.
            Span<byte> message = stackalloc byte[MostDirect];
            message = message[.._directBytes];
            frames.Slice(DirectHead, _directBytes).CopyTo(message);
            WriteFields(stream, FrameType.Headers, stream.HeadBlock.Written, 0);
            WriteHeader(_directBytes, FrameType.Data, 0, stream.Id);
            _output.Write(message);
            bytes = FrameHeader.Bytes + _directBytes;
        }

        _written += bytes;
        stream.AddSendWindow(-_directBytes);
        Interlocked.Add(ref _window, -_directBytes);
        stream.IsHeadSent = true;
        if (stream.IsHeadUsual && stream.IsTailUsual) OnEndSent(stream);
    }

    /// <summary>Writes as much of a stream as may be written.</summary>
    private void Write(Http2Stream stream)
    {
        if (!stream.IsHeadSent)
        {
            stream.IsHeadSent = true;
            ReadOnlySpan<byte> head = stream.IsHeadUsual ? FieldBlock.Head : stream.HeadBlock.Written;
            WriteFields(stream, FrameType.Headers, head, stream.IsTailOnly ? FrameHeader.EndStream : (byte)0);
            if (stream.IsTailOnly)
            {
                OnEndSent(stream);
                return;
            }
        }

        // What is served is so before its last bytes are looked for.
        bool isServed = stream.IsServed;
        if (isServed && stream.IsCut) stream.Output?.Drop();
        else if (!WriteAside(stream) || !WriteOutput(stream)) return;
        if (!isServed) return;
        WriteFields(stream, FrameType.Headers, stream.IsTailUsual ? FieldBlock.Tail : stream.TailBlock.Written, FrameHeader.EndStream);
        OnEndSent(stream);
    }

    /// <returns>Whether all is sent.</returns>
    private bool WriteAside(Http2Stream stream)
    {
        if (stream.Aside is not { } aside) return true;
        while (stream.AsideSent < stream.AsideBytes)
        {
            int bytes = Allowed(stream, stream.AsideBytes - stream.AsideSent);
            if (bytes == 0) return false;
            WriteHeader(bytes, FrameType.Data, 0, stream.Id);
            _output.Write(aside.Span.Slice(stream.AsideSent, bytes));
            stream.AsideSent += bytes;
            Sent(stream, bytes);
        }

        aside.Release();
        stream.Aside = null;
        return true;
    }

    /// <returns>Whether all is sent.</returns>
    private bool WriteOutput(Http2Stream stream)
    {
        if (stream.Output is not { } output) return true;
        while (output.Reader.TryRead(out ReadResult result))
        {
            ReadOnlySequence<byte> buffer = result.Buffer;
            if (buffer.IsEmpty)
            {
                output.Reader.AdvanceTo(buffer.Start);
                return true;
            }

            int bytes = Allowed(stream, buffer.Length);
            if (bytes == 0)
            {
                output.Reader.AdvanceTo(buffer.Start);
                return false;
            }

            WriteHeader(bytes, FrameType.Data, 0, stream.Id);
            ReadOnlySequence<byte> part = buffer.Slice(0, bytes);
            foreach (ReadOnlyMemory<byte> each in part) _output.Write(each.Span);
            output.Reader.AdvanceTo(part.End);
            Sent(stream, bytes);
        }

        return true;
    }

    /// <summary>How much of what a stream has may be sent in one frame, now; where that is nothing, the stream waits for what has to come.</summary>
    private int Allowed(Http2Stream stream, long bytes)
    {
        long window = Volatile.Read(ref _window);
        long most = Math.Min(Math.Min(bytes, Math.Min(Volatile.Read(ref _mostFrame), MostAFlush)), Math.Min(stream.SendWindow, window));
        if (most > 0 && CanWrite) return (int)most;
        if (most > 0)
        {
            WaitForTransport(stream);
            return 0;
        }

        // A stream that waits for a window of its own is posted when there is one. What the client does not let go ends with its stream, however little it is: it is in nobody's way else.
        if (stream.SendWindow > 0) _starved.Add(stream);
        if (stream.IsServed) stream.Call.Timer.EnsureFlush(bytes, stream.Call.IsStream);
        return 0;
    }

    private void WaitForTransport(Http2Stream stream)
    {
        _waiting.Add(stream);

        // Small answers wait for a moment, or as long as the whole connection does.
        if (stream.Aside is not null && stream.AsideBytes > GrpcCall.MostUnwatched && stream.IsServed) stream.Call.Timer.EnsureFlush(stream.AsideBytes, isStream: false);
    }

    private void Sent(Http2Stream stream, int bytes)
    {
        _written += bytes;
        stream.AddSendWindow(-bytes);
        Interlocked.Add(ref _window, -bytes);
    }

    private void OnEndSent(Http2Stream stream)
    {
        stream.IsEndSent = true;
        stream.Output?.Drop();

        // What the client has still to say is not waited for.
        if (!stream.IsRemoteClosed) Control.Reset(stream.Id, ErrorCodes.NoError);
        if (!Control.IsEmpty) _written += Control.WriteTo(_output);
    }

    /// <summary>Writes a field block, in as many frames as it takes.</summary>
    private void WriteFields(Http2Stream stream, FrameType type, ReadOnlySpan<byte> block, byte flags)
    {
        while (block.Length > FrameHeader.MostPayload)
        {
            WriteHeader(FrameHeader.MostPayload, type, flags, stream.Id);
            _output.Write(block[..FrameHeader.MostPayload]);
            block = block[FrameHeader.MostPayload..];
            (type, flags) = (FrameType.Continuation, 0);
        }

        WriteHeader(block.Length, type, (byte)(flags | FrameHeader.EndHeaders), stream.Id);
        _output.Write(block);
        _written += block.Length;
    }

    private void WriteHeader(int payload, FrameType type, byte flags, int stream)
    {
        _output.Advance(Header(_output.GetSpan(FrameHeader.Bytes), payload, type, flags, stream));
        _written += FrameHeader.Bytes;
    }

    private static int Header(Span<byte> to, int payload, FrameType type, byte flags, int stream)
    {
        new FrameHeader(payload, type, flags, stream).Write(to);
        return FrameHeader.Bytes;
    }

    /// <returns>Whether it is done already.</returns>
    private bool BeginFlush()
    {
        _written = 0;
        Volatile.Write(ref _flushBegan, _connection.Now);
        if (!_flush.Begin()) return false;
        EndFlush();
        return !_isBroken;
    }

    private void EndFlush()
    {
        Volatile.Write(ref _flushBegan, 0);
        if (!_flush.End()) Break(null);
    }
}
