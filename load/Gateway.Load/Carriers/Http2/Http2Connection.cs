using System.Buffers.Binary;
using System.Text;
using Gateway.Protocol.Http2;

namespace Gateway.Load.Carriers.Http2;

/// <summary>Calls as streams of one HTTP/2 connection (RFC 9113), without what no call needs: priorities and pushes. What headers and bodies mean, those derived from it say.</summary>
/// <remarks>
/// <b>Behaviour</b>: bodies keep to the server's windows, in turn; the server's own windows never close, for what it sends is taken at once.
/// <b>Threading</b>: one thread. <b>Cost</b>: no allocation a call.
/// </remarks>
internal abstract class Http2Connection : WireConnection
{
    private const int LargestWindow = int.MaxValue;
    private const int FirstWindow = 65_535;

    // Given back in pieces as large as this: rarely, and long before the window of 2 GiB is used up.
    private const int GiveBackBytes = 16 << 20;
    private const int MostBlockBytes = 64 * 1024;

    // Of all answers that are not complete, as InputBuffer's of one.
    private const int MostReceivedBytes = 512 << 20;

    // Acknowledgements that the server asks for without reading them.
    private const int MostAcks = 10_000;

    private readonly HpackDecoder _headers = new();
    private readonly Http2Stream[] _streams;
    private readonly Queue<int> _unsent;
    private readonly int _window;
    private byte[] _block = [];
    private int _blockBytes;
    private int _blockStream;
    private bool _blockEndsStream;
    private PeerSettings _settings = new();
    private bool _isReady;
    private HeaderBlock? _kept;
    private bool _mayKeep;
    private int _announcedTable;
    private long _connectionWindow;
    private long _receivedBytes;
    private int _toGiveBack;
    private int _nextStream;
    private int _inFlight;
    private int _wanted;
    private int _acks;

    /// <param name="window">Most calls at a time; the server may allow fewer.</param>
    protected Http2Connection(int window)
    {
        _window = window;

        // A stream's place is its number's lowest bits. Twice as many as are used: the next free one is near.
        _streams = new Http2Stream[(int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(4, 2 * window))];
        _unsent = new Queue<int>(window + 1);
    }

    public override bool HasRoom => _isReady && !MustClose && _inFlight < Window && _connectionWindow > 0;

    public override int Window => Math.Min(_window, _settings.MostStreams);

    public override int InFlight => _inFlight;

    public override int Wanted => _wanted;

    public override void Open(OutputBuffer output)
    {
        base.Open(output);
        _headers.Clear();
        _unsent.Clear();
        _settings = new PeerSettings();
        _isReady = false;
        _kept = null;
        _mayKeep = true;
        _announcedTable = HpackTable.DefaultBytes;
        _connectionWindow = FirstWindow;
        _receivedBytes = 0;
        _toGiveBack = 0;
        _nextStream = 1;
        _wanted = 0;
        _acks = 0;
        _blockStream = 0;
        output.Append("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8);

        // Pushes off, and the largest window for each stream.
        Span<byte> settings = FrameHeader.Append(output, FrameType.Settings, 0, 0, 12);
        BinaryPrimitives.WriteUInt16BigEndian(settings, 2);
        BinaryPrimitives.WriteUInt32BigEndian(settings[2..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(settings[6..], 4);
        BinaryPrimitives.WriteUInt32BigEndian(settings[8..], LargestWindow);
        GiveBack(output, LargestWindow - FirstWindow);
    }

    public override void Write(int call, EncodedRequest request, long timeoutMicroseconds, OutputBuffer output)
    {
        Http2Request ours = (Http2Request)request;
        int mask = _streams.Length - 1;
        while (_streams[(_nextStream >> 1) & mask].Id != 0) _nextStream += 2;
        int id = _nextStream;
        _nextStream += 2;

        // Numbers do not come again: the last ones are left, with room for those that were passed over.
        if (_nextStream > int.MaxValue - (4 * _streams.Length)) MustClose = true;
        ref Http2Stream stream = ref _streams[(id >> 1) & mask];
        stream.Open(id, call, ours.Body, _settings.StreamWindow);
        _inFlight++;
        WriteHeaders(id, ours.Headers, timeoutMicroseconds, output);
        if (SendBody(ref stream, output)) return;
        _unsent.Enqueue(id);
        if (_unsent.Count > _streams.Length) SendBodies(output);
    }

    public override int Read(Span<byte> received, OutputBuffer output, ICallSink sink)
    {
        if (output.Pending.IsEmpty) _acks = 0;
        int taken = 0;
        while (received.Length - taken >= FrameHeader.Bytes)
        {
            ReadOnlySpan<byte> rest = received[taken..];
            FrameHeader header = FrameHeader.Read(rest);
            if (!_isReady && (header.Type != FrameType.Settings || header.Has(FrameHeader.Ack) || header.Stream != 0)) throw new InvalidDataException("the server does not speak HTTP/2");
            if (header.Length > FrameHeader.MostPayload) throw new InvalidDataException($"a frame of {header.Length} bytes, where {FrameHeader.MostPayload} were agreed");
            _wanted = FrameHeader.Bytes + header.Length;
            if (rest.Length < _wanted) return taken;
            taken += _wanted;
            _wanted = 0;
            Take(header, rest.Slice(FrameHeader.Bytes, header.Length), output, sink);
        }

        return taken;
    }

    public override void EndAll(in CallAnswer answer, ICallSink sink)
    {
        for (int i = 0; i < _streams.Length; i++)
        {
            if (_streams[i].Id == 0) continue;
            int call = _streams[i].Call;
            Free(ref _streams[i]);
            sink.OnAnswer(call, answer);
        }
    }

    public override bool TryAbandon(int call, OutputBuffer output)
    {
        for (int i = 0; i < _streams.Length; i++)
        {
            if (_streams[i].Id == 0 || _streams[i].Call != call) continue;
            Reset(_streams[i].Id, output);
            Free(ref _streams[i]);
            return true;
        }

        return false;
    }

    /// <summary>Writes what differs from call to call: the time that is left.</summary>
    protected abstract void WriteTail(Span<byte> tail, long timeoutMicroseconds);

    /// <summary>A header block begins.</summary>
    protected abstract void BeginHeaders();

    /// <summary>A field of it, good until this returns.</summary>
    protected abstract void TakeHeader(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value);

    /// <summary>It is complete, and the stream, which is open, goes on.</summary>
    /// <exception cref="InvalidDataException">It cannot be.</exception>
    protected abstract void EndHeaders(ref Http2Stream stream);

    /// <summary>Bytes that a body will have in all.</summary>
    /// <param name="received">What there is.</param>
    /// <param name="data">What comes now.</param>
    protected abstract int ExpectedBytes(ReadOnlySpan<byte> received, ReadOnlySpan<byte> data);

    /// <summary>The stream has ended; its body is there.</summary>
    /// <param name="withHeaders">Whether a header block ended it.</param>
    protected abstract CallAnswer AnswerOf(in Http2Stream stream, bool withHeaders);

    private void Take(FrameHeader header, ReadOnlySpan<byte> payload, OutputBuffer output, ICallSink sink)
    {
        if (_blockStream != 0 && (header.Type != FrameType.Continuation || header.Stream != _blockStream)) throw new InvalidDataException("a frame of the server's comes between the pieces of a header block");
        switch (header.Type)
        {
            case FrameType.Data:
                TakeData(header, payload, output, sink);
                break;
            case FrameType.Headers:
                Check(header.Stream);
                _blockEndsStream = header.Has(FrameHeader.EndStream);
                TakeHeaders(header, Strip(header, payload), output, sink);
                break;
            case FrameType.Continuation:
                if (_blockStream == 0) throw new InvalidDataException("the server goes on with a header block that has not begun");
                TakeHeaders(header, payload, output, sink);
                break;
            case FrameType.ResetStream:
                Check(header.Stream);
                TakeReset(header.Stream, Number(payload, 4), sink);
                break;
            case FrameType.Settings:
                TakeSettings(header, payload, output);
                break;
            case FrameType.PushPromise:
                throw new InvalidDataException("the server pushes, which it was told not to");
            case FrameType.Ping:
                if (payload.Length != 8 || header.Stream != 0) throw new InvalidDataException("a ping of the server's is malformed");
                if (header.Has(FrameHeader.Ack)) break;
                CountAck();
                payload.CopyTo(FrameHeader.Append(output, FrameType.Ping, FrameHeader.Ack, 0, payload.Length));
                break;
            case FrameType.GoAway:
                TakeGoAway(payload, sink);
                break;
            case FrameType.WindowUpdate:
                TakeWindow(header.Stream, Number(payload, 4) & int.MaxValue, output);
                break;
        }
    }

    private void TakeData(FrameHeader header, ReadOnlySpan<byte> payload, OutputBuffer output, ICallSink sink)
    {
        Check(header.Stream);
        _toGiveBack += payload.Length;
        if (_toGiveBack >= GiveBackBytes)
        {
            GiveBack(output, _toGiveBack);
            _toGiveBack = 0;
        }

        ref Http2Stream stream = ref _streams[(header.Stream >> 1) & (_streams.Length - 1)];
        if (stream.Id != header.Stream) return;
        ReadOnlySpan<byte> data = Strip(header, payload);
        if (stream.Status == 0) throw new InvalidDataException("a body of the server's comes before its headers");
        _receivedBytes += data.Length;
        if (_receivedBytes > MostReceivedBytes) throw new InvalidDataException($"answers of more than {MostReceivedBytes} bytes");
        if (data.Length > 0) stream.Receive(data, ExpectedBytes(stream.Received, data));
        if (header.Has(FrameHeader.EndStream)) End(ref stream, withHeaders: false, output, sink);
    }

    private void TakeHeaders(FrameHeader header, ReadOnlySpan<byte> piece, OutputBuffer output, ICallSink sink)
    {
        if (_blockStream == 0 && header.Has(FrameHeader.EndHeaders))
        {
            TakeBlock(header.Stream, piece, output, sink);
            return;
        }

        if (_blockStream == 0) _blockBytes = 0;
        if (_blockBytes + piece.Length > MostBlockBytes) throw new InvalidDataException($"headers of more than {MostBlockBytes} bytes");
        if (_block.Length == 0) _block = new byte[MostBlockBytes];
        piece.CopyTo(_block.AsSpan(_blockBytes));
        _blockBytes += piece.Length;
        _blockStream = header.Stream;
        if (!header.Has(FrameHeader.EndHeaders)) return;
        _blockStream = 0;
        TakeBlock(header.Stream, _block.AsSpan(0, _blockBytes), output, sink);
    }

    private void TakeBlock(int id, ReadOnlySpan<byte> block, OutputBuffer output, ICallSink sink)
    {
        BeginHeaders();
        int at = 0;
        while (_headers.TryRead(block, ref at, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)) TakeHeader(name, value);
        ref Http2Stream stream = ref _streams[(id >> 1) & (_streams.Length - 1)];
        if (stream.Id != id) return;
        EndHeaders(ref stream);
        if (_blockEndsStream) End(ref stream, withHeaders: true, output, sink);
    }

    private void TakeReset(int id, uint code, ICallSink sink)
    {
        ref Http2Stream stream = ref _streams[(id >> 1) & (_streams.Length - 1)];
        if (stream.Id != id) return;
        int call = stream.Call;
        Free(ref stream);
        sink.OnAnswer(call, GivenUp(code is ErrorCodes.RefusedStream or ErrorCodes.EnhanceYourCalm, ErrorCodes.Name(code), "the server reset the stream"u8));
    }

    private void TakeSettings(FrameHeader header, ReadOnlySpan<byte> payload, OutputBuffer output)
    {
        if (header.Stream != 0) throw new InvalidDataException("the server's settings are for a stream");
        if (header.Has(FrameHeader.Ack)) return;
        int before = _settings.StreamWindow;
        _settings.Apply(payload);
        if (_settings.StreamWindow != before)
        {
            for (int i = 0; i < _streams.Length; i++)
            {
                if (_streams[i].Id != 0) _streams[i].Window += _settings.StreamWindow - before;
            }
        }

        CountAck();
        FrameHeader.Append(output, FrameType.Settings, FrameHeader.Ack, 0, 0);
        _isReady = true;
        SendBodies(output);
    }

    private void TakeGoAway(ReadOnlySpan<byte> payload, ICallSink sink)
    {
        if (payload.Length < 8) throw new InvalidDataException("the server's goodbye is cut short");
        MustClose = true;
        int last = BinaryPrimitives.ReadInt32BigEndian(payload) & int.MaxValue;
        uint code = BinaryPrimitives.ReadUInt32BigEndian(payload[4..]);

        // Those have not been looked at.
        for (int i = 0; i < _streams.Length; i++)
        {
            if (_streams[i].Id <= last) continue;
            int call = _streams[i].Call;
            Free(ref _streams[i]);
            sink.OnAnswer(call, GivenUp(isRefusal: true, "GOAWAY"u8, "the server takes no more calls on this connection"u8));
        }

        if (code != ErrorCodes.NoError) throw new InvalidDataException($"the server gave up the connection: {Encoding.ASCII.GetString(ErrorCodes.Name(code))} {Encoding.ASCII.GetString(payload[8..])}".TrimEnd());
    }

    private void TakeWindow(int id, uint bytes, OutputBuffer output)
    {
        if (id == 0)
        {
            _connectionWindow += bytes;
        }
        else
        {
            Check(id);
            ref Http2Stream stream = ref _streams[(id >> 1) & (_streams.Length - 1)];
            if (stream.Id != id) return;
            stream.Window += bytes;
            if (stream.Window > LargestWindow) throw new InvalidDataException("the server's window is larger than there can be");
        }

        if (bytes == 0 || _connectionWindow > LargestWindow) throw new InvalidDataException("the server's window is larger than there can be");
        SendBodies(output);
    }

    private void WriteHeaders(int id, HeaderBlock headers, long timeoutMicroseconds, OutputBuffer output)
    {
        // A table that has become smaller must be told so; one that is too small is not used any more.
        int table = Math.Min(_settings.TableBytes, HpackTable.DefaultBytes);
        List<byte>? resize = null;
        if (table < _announcedTable)
        {
            _announcedTable = table;
            HeaderBlock.Integer(resize = [], 0x20, 5, table);
            if (_kept is not null && _kept.TableBytes > table) (_kept, _mayKeep) = (null, false);
        }

        byte[] block = headers.Plain;
        if (_kept is not null && _kept.First.AsSpan().SequenceEqual(headers.First))
        {
            block = headers.Again;
        }
        else if (_kept is null && _mayKeep && headers.TableBytes <= _announcedTable)
        {
            _kept = headers;
            block = headers.First;
        }

        int bytes = block.Length + (resize?.Count ?? 0);
        Span<byte> payload = FrameHeader.Append(output, FrameType.Headers, FrameHeader.EndHeaders, id, bytes);
        resize?.CopyTo(payload);
        block.CopyTo(payload[^block.Length..]);
        if (headers.TailBytes > 0) WriteTail(payload[^headers.TailBytes..], timeoutMicroseconds);
    }

    /// <returns>Whether all of it is on its way.</returns>
    private bool SendBody(ref Http2Stream stream, OutputBuffer output)
    {
        while (stream.Sent < stream.Body.Length)
        {
            int left = stream.Body.Length - stream.Sent;
            int bytes = (int)Math.Min(Math.Min(left, _settings.MostFrame), Math.Min(stream.Window, _connectionWindow));
            if (bytes <= 0) return false;
            Span<byte> payload = FrameHeader.Append(output, FrameType.Data, bytes == left ? FrameHeader.EndStream : (byte)0, stream.Id, bytes);
            stream.Body.AsSpan(stream.Sent, bytes).CopyTo(payload);
            stream.Sent += bytes;
            stream.Window -= bytes;
            _connectionWindow -= bytes;
        }

        return true;
    }

    private void SendBodies(OutputBuffer output)
    {
        for (int i = _unsent.Count; i > 0; i--)
        {
            int id = _unsent.Dequeue();
            ref Http2Stream stream = ref _streams[(id >> 1) & (_streams.Length - 1)];
            if (stream.Id == id && !SendBody(ref stream, output)) _unsent.Enqueue(id);
        }
    }

    private void End(ref Http2Stream stream, bool withHeaders, OutputBuffer output, ICallSink sink)
    {
        // The server has said enough; what it has not been sent it need not wait for.
        if (stream.Sent < stream.Body.Length) Reset(stream.Id, output);
        int call = stream.Call;
        CallAnswer answer = AnswerOf(stream, withHeaders);
        byte[] memory = Close(ref stream);
        sink.OnAnswer(call, answer);
        if (memory.Length > 0) System.Buffers.ArrayPool<byte>.Shared.Return(memory);
    }

    private void Free(ref Http2Stream stream)
    {
        byte[] memory = Close(ref stream);
        if (memory.Length > 0) System.Buffers.ArrayPool<byte>.Shared.Return(memory);
    }

    private byte[] Close(ref Http2Stream stream)
    {
        _receivedBytes -= stream.ReceivedBytes;
        _inFlight--;
        return stream.Close();
    }

    /// <summary>Streams are this side's, and odd; what comes for those that have ended is passed over.</summary>
    private void Check(int stream)
    {
        if ((stream & 1) == 0 || stream >= _nextStream) throw new InvalidDataException($"a frame for stream {stream}, which there never was");
    }

    private void CountAck()
    {
        if (++_acks > MostAcks) throw new InvalidDataException("the server asks and asks, and does not read the answers");
    }

    /// <summary>Takes off padding and priority.</summary>
    private static ReadOnlySpan<byte> Strip(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        int from = 0;
        int padding = 0;
        if (header.Has(FrameHeader.Padded))
        {
            if (payload.IsEmpty) throw new InvalidDataException("a frame of the server's is cut short");
            padding = payload[0];
            from = 1;
        }

        if (header.Type == FrameType.Headers && header.Has(FrameHeader.HasPriority)) from += 5;
        if (from + padding > payload.Length) throw new InvalidDataException("a frame of the server's is cut short");
        return payload[from..^padding];
    }

    private static uint Number(ReadOnlySpan<byte> payload, int bytes) =>
        payload.Length == bytes ? BinaryPrimitives.ReadUInt32BigEndian(payload) : throw new InvalidDataException("a frame of the server's is cut short");

    private static void GiveBack(OutputBuffer output, int bytes) =>
        BinaryPrimitives.WriteInt32BigEndian(FrameHeader.Append(output, FrameType.WindowUpdate, 0, 0, sizeof(int)), bytes);

    private static void Reset(int id, OutputBuffer output) =>
        BinaryPrimitives.WriteUInt32BigEndian(FrameHeader.Append(output, FrameType.ResetStream, 0, id, sizeof(uint)), ErrorCodes.Cancel);

    private static CallAnswer GivenUp(bool isRefusal, ReadOnlySpan<byte> reason, ReadOnlySpan<byte> text) =>
        new() { Outcome = isRefusal ? CallOutcome.Refused : CallOutcome.Failed, Reason = reason, Body = text, RetryAfterMilliseconds = -1 };
}
