using System.Buffers;
using Gateway.Core.Scheduling;
using Gateway.Protocol.Http2;

namespace Gateway.Server.Grpc.Http2;

/// <content>How calls begin, and get what comes for them.</content>
internal sealed partial class Http2Connection
{
    private void TakeHeaders(in FrameHeader header, ReadOnlySequence<byte> payload, bool isLast)
    {
        if ((header.Stream & 1) == 0) throw Violation("HEADERS of a stream that is no client's");
        payload = Strip(header, payload);
        bool endsStream = header.Has(FrameHeader.EndStream);
        if (header.Has(FrameHeader.EndHeaders) && payload.IsSingleSegment)
        {
            EndBlock(header.Stream, payload.FirstSpan, endsStream, isLast);
            return;
        }

        _block.Begin(header.Stream, endsStream);
        _liveness.BlockBegan = Now;
        TakeBlock(header, payload, isLast);
    }

    private void TakeBlock(in FrameHeader header, in ReadOnlySequence<byte> payload, bool isLast)
    {
        int id = _block.Stream;
        if (!_block.Add(payload, isEnd: header.Has(FrameHeader.EndHeaders))) return;
        _liveness.BlockBegan = 0;
        EndBlock(id, _block.Bytes, _block.EndsStream, isLast);
    }

    private void EndBlock(int id, ReadOnlySpan<byte> block, bool endsStream, bool isLast)
    {
        try
        {
            if (id <= _lastStream) TakeTrailers(id, block, endsStream, isLast);
            else TakeCall(id, block, endsStream, isLast);
        }
        catch (InvalidDataException error)
        {
            throw new Http2Exception(ErrorCodes.Compression, error.Message);
        }
    }

    private void TakeTrailers(int id, ReadOnlySpan<byte> block, bool endsStream, bool isLast)
    {
        bool hasPseudo = _heads.Skip(block);
        if (!_streams.TryGetValue(id, out Http2Stream? stream))
        {
            if (!_ended.Has(id)) throw new Http2Exception(ErrorCodes.StreamClosed, "HEADERS of a stream that is closed");
            return;
        }

        if (stream.IsRemoteClosed) throw new Http2Exception(ErrorCodes.StreamClosed, "HEADERS of a stream that the client has closed");
        if (stream.IsAborted) return;
        if (hasPseudo || !endsStream) stream.Reset(ErrorCodes.Protocol);
        else Deliver(stream, ReadOnlySequence<byte>.Empty, isEnd: true, isLast);
    }

    private void TakeCall(int id, ReadOnlySpan<byte> block, bool endsStream, bool isLast)
    {
        _lastStream = id;
        TakeFinished();
        if (_goodbye.IsSaid || _open >= GrpcListener.MostStreams || _streams.Count >= MostTracked)
        {
            _heads.Skip(block);
            Refuse(id, endsStream, ErrorCodes.RefusedStream);
            return;
        }

        if (!_free.TryPop(out Http2Stream? stream)) stream = new Http2Stream(this, _memory);
        RequestFields fields = _heads.Read(block, stream.OwnFields);
        if (fields.IsTooLarge || fields.Problem is not null)
        {
            _free.Push(stream);
            Refuse(id, endsStream, fields.IsTooLarge ? ErrorCodes.EnhanceYourCalm : ErrorCodes.Protocol);
            return;
        }

        stream.Open(id, fields, endsStream, _sendWindow, StreamWindow);
        _streams.Add(id, stream);
        _open++;
        stream.Call.Arrival = _arrivals.NextCame();
        _calls.Begin(stream.Call);
        if (endsStream) Deliver(stream, ReadOnlySequence<byte>.Empty, isEnd: true, isLast);
        else if (stream.Call.IsRead) _opened.Add(stream);
    }

    private void Refuse(int id, bool isEnded, uint code)
    {
        if (!isEnded) _ended.Add(id);
        _guard.OnReset();
        Sender.Control.Reset(id, code);
        MustSend = true;
    }

    /// <summary>Tells a client once that a stream has ended that it sends to, perhaps since before it was told: no fault of its, but not to be said without end.</summary>
    private void Forget(int id, bool isEnded)
    {
        if (!isEnded) _ended.Add(id);
        _guard.OnIdleFrame();
        Sender.Control.Reset(id, ErrorCodes.StreamClosed);
        MustSend = true;
    }

    private void TakeData(in FrameHeader header, ReadOnlySequence<byte> payload, bool isLast)
    {
        CheckIsOpened(header.Stream);
        int window = Interlocked.Add(ref _receiveWindow, -header.Length);
        if (window < 0) throw new Http2Exception(ErrorCodes.FlowControl, "more than the connection's window");

        // What is sent to calls that are not read is given back by nobody.
        if (Volatile.Read(ref _notGivenBack) >= window) GiveBackAll();
        payload = Strip(header, payload);
        bool isEnd = header.Has(FrameHeader.EndStream);
        if (payload.IsEmpty && !isEnd) _guard.OnIdleFrame();
        if (!_streams.TryGetValue(header.Stream, out Http2Stream? stream) || stream.IsRemoteClosed)
        {
            GiveBack(header.Length);
            if (stream is not null) stream.Reset(ErrorCodes.StreamClosed);
            else if (!_ended.Has(header.Stream)) Forget(header.Stream, isEnd);
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
}
