using System.Buffers;
using System.IO.Pipelines;
using Gateway.Core.Memory;
using Gateway.Core.Scheduling;
using Gateway.Protocol;
using Gateway.Protocol.Frames;
using Gateway.Server.Calls;
using Gateway.Server.MessagePack;

namespace Gateway.Server.Frames;

/// <summary>Writes a connection's answers: all that are there in one go, in the order in which they were made.</summary>
/// <remarks>
/// <b>Behaviour</b>: answers posted while the sender is at work go out with the next write. While the client does not take what was written, answers are put
/// aside in blocks of the pool, so that no slab waits for a slow reader; they stay in the connection's window, which stops its reading. Once the connection
/// is broken, answers are thrown away and the calls in flight given up.
/// <b>Threading</b>: any thread posts; one loop writes. <b>Ownership</b>: a posted call is the sender's until it closes it. <b>Cost</b>: no allocation an answer.
/// </remarks>
internal sealed class FrameSender
{
    /// <summary>How long a client may leave what was written to it, and how fast it then has to take it: a large answer may come over a slow line.</summary>
    public static readonly TimeSpan TakeTime = TimeSpan.FromSeconds(60);
    private const double LeastTakenBytesPerSecond = 64 * 1024;

    // What the length before a frame, and a span, can say.
    private const long MostAnswerBytes = int.MaxValue - 64;

    private readonly PipeWriter _output;
    private readonly BlockPool _pool;
    private readonly AutoSignal _signal = new();
    private readonly BlockWriter _aside = new();
    private readonly Queue<FrameCall> _waiting = new();
    private readonly AnswerTemplate _template = new();
    private readonly OutputFlush _flush;
    private readonly Posted<FrameCall> _posted = new();
    private bool _isBroken;
    private volatile bool _isEnding;
    private long _flushBegan;
    private long _flushBytes;

    public FrameSender(PipeWriter output, BlockPool pool, FramesOptions options)
    {
        _output = output;
        _pool = pool;
        Window = new CallWindow<FrameCall>(() => new FrameCall(this), options.MaxFrameBytes) { Most = options.Window };
        _flush = new OutputFlush(output, _signal);
    }

    public CallWindow<FrameCall> Window { get; }

    /// <summary>Hands an answered call over. May be called by an instance's thread: notes it down and wakes the loop.</summary>
    public void Post(FrameCall call)
    {
        if (_posted.Post(call)) _signal.Set();
    }

    /// <summary>Lets the loop end once everything that was posted has left.</summary>
    public void End()
    {
        _isEnding = true;
        _signal.Set();
    }

    /// <summary>Whether answers have been written that the client has not taken.</summary>
    public bool IsFlushing => Volatile.Read(ref _flushBegan) != 0;

    /// <summary>Whether the client takes what was written to it more slowly than it may.</summary>
    public bool HasStalled(TimeProvider time, long now)
    {
        long began = Volatile.Read(ref _flushBegan);
        return began != 0 && time.GetElapsedTime(began, now) > TakeTime + TimeSpan.FromSeconds(Volatile.Read(ref _flushBytes) / LeastTakenBytesPerSecond);
    }

    /// <summary>The loop; ends after <see cref="End"/>, or when the connection is broken and no call is left.</summary>
    public async Task RunAsync(TimeProvider time)
    {
        while (true)
        {
            await _signal.WaitAsync().ConfigureAwait(false);
            if (_flush.IsCompleted) EndFlush();
            bool hasWritten = false;
            if (!_flush.IsUnderWay)
            {
                while (_waiting.TryDequeue(out FrameCall? call)) hasWritten |= WriteAway(call);
            }

            for (FrameCall? call = _posted.TakeAll(); call is not null;)
            {
                FrameCall next = call;
                call = call.Next;
                next.Next = null;
                if (_flush.IsUnderWay) PutAside(next);
                else hasWritten |= WriteAway(next);
            }

            if (hasWritten) BeginFlush(time.GetTimestamp());
            if (_isEnding && !_flush.IsUnderWay && _waiting.Count == 0 && _posted.IsEmpty) return;
        }
    }

    /// <returns>Whether anything was written.</returns>
    private bool WriteAway(FrameCall call)
    {
        bool isWritten = !_isBroken;
        if (isWritten)
        {
            if (call.Aside is { } block) _output.Write(block.Span[..call.AsideBytes]);
            else WriteFrame(_output, call);
        }

        Release(call);
        Window.Close(call);
        return isWritten;
    }

    /// <summary>Copies an answer out of the memory that others wait for.</summary>
    private void PutAside(FrameCall call)
    {
        if (call.Request is { Status: StatusCode.Ok } request && !_isBroken)
        {
            long bytes = InferAnswer.Bytes(request, call.WantedOutputs) + new MessageHead(MessageKind.Infer, call.Number).FrameBytes;
            if (_pool.TryRent(bytes, BlockOwner.ResponseTensors, out MemoryBlock? block))
            {
                _aside.Begin(block);
                WriteFrame(_aside, call);
                call.Aside = block;
                call.AsideBytes = _aside.Written;
            }
            else
            {
                call.Kind = MessageKind.Error;
                call.Body = Messages.Error(StatusCode.Unavailable, "there is no memory left for the answer: the memory pool is at its ceiling");
            }

            request.Dispose();
            call.Request = null;
            Window.Charge(call, block?.Capacity ?? 0);
        }

        _waiting.Enqueue(call);
    }

    private void WriteFrame(IBufferWriter<byte> to, FrameCall call)
    {
        if (call.Refusal is { } refusal)
        {
            WriteRefusal(to, call.Number, refusal.Text, refusal.RetryAfter);
            return;
        }

        if (call.Request is { } request)
        {
            if (request.Refusal.Reason != RefusalReason.None && request.Id.Length == 0)
            {
                WriteRefusal(to, call.Number, request.RefusalText, request.RetryAfter);
                return;
            }

            if (request.Status == StatusCode.Ok)
            {
                if (_template.Fits(request, call.WantedOutputs))
                {
                    MessageHead head = new(MessageKind.Infer, call.Number);
                    Span<byte> frame = to.GetSpan(head.FrameBytes + _template.Bytes);
                    int body = head.WriteFrame(frame, _template.Bytes);
                    _template.Write(frame[body..], request);
                    to.Advance(body + _template.Bytes);
                    return;
                }

                long bytes = InferAnswer.Bytes(request, call.WantedOutputs);
                if (bytes <= MostAnswerBytes)
                {
                    WriteHead(to, new MessageHead(MessageKind.Infer, call.Number), (int)bytes);
                    InferAnswer.Write(to, request, call.WantedOutputs);
                    return;
                }

                call.Body = Messages.Error(StatusCode.Internal, $"the answer of {bytes} bytes is longer than a frame can be");
            }
            else
            {
                call.Body = Messages.Error(request.Status, request.Error ?? "", request.RetryAfter, request.Refusal.Reason.WireName());
            }

            call.Kind = MessageKind.Error;
        }

        WriteHead(to, new MessageHead(call.Kind, call.Number), call.Body!.Length);
        to.Write(call.Body);
    }

    private static void WriteRefusal(IBufferWriter<byte> to, uint number, in RefusalText text, TimeSpan? retryAfter)
    {
        Span<byte> body = stackalloc byte[Messages.MostRefusalBytes];
        body = body[..Messages.Refusal(body, text, retryAfter)];
        WriteHead(to, new MessageHead(MessageKind.Error, number), body.Length);
        to.Write(body);
    }

    private static void WriteHead(IBufferWriter<byte> to, MessageHead head, int bodyBytes) =>
        to.Advance(head.WriteFrame(to.GetSpan(head.FrameBytes), bodyBytes));

    private static void Release(FrameCall call)
    {
        call.Request?.Dispose();
        call.Request = null;
        call.Aside?.Release();
        call.Aside = null;
        call.Body = null;
        call.Refusal = null;
        call.Relay?.Dispose();
        call.Relay = null;
        call.WantedOutputs.Clear();
    }

    private void BeginFlush(long now)
    {
        Volatile.Write(ref _flushBytes, _output.CanGetUnflushedBytes ? _output.UnflushedBytes : 0);
        Volatile.Write(ref _flushBegan, now);
        if (_flush.Begin()) EndFlush();
    }

    private void EndFlush()
    {
        Volatile.Write(ref _flushBegan, 0);
        if (_flush.End() || _isBroken) return;
        _isBroken = true;
        Window.CancelAll();
    }
}
