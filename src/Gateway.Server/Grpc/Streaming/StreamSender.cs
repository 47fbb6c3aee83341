using System.Buffers;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using Gateway.Core.Memory;
using Gateway.Core.Scheduling;
using Gateway.Protocol;
using Gateway.Protocol.Frames;
using Gateway.Server.Calls;
using Gateway.Server.Grpc.Inference;
using Gateway.Server.OpenInference;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Grpc.Streaming;

/// <summary>Writes a stream's answers in the order of its requests: all that can leave in one go.</summary>
/// <remarks>
/// <b>Behaviour</b>: answers that cannot leave yet, since one before them is not there or the client does not take what was written, are put aside in blocks of the pool,
/// so that no slab waits for them; they stay in the stream's window, which stops its reading. Once the stream is broken, or has failed as a whole, answers are thrown away.
/// <b>Threading</b>: any thread posts; one loop writes; the reader alone expects. <b>Ownership</b>: a posted call is the sender's until it closes it.
/// <b>Cost</b>: no allocation an answer.
/// </remarks>
internal sealed partial class StreamSender
{
    private readonly GrpcCall _stream;
    private readonly PipeWriter _output;
    private readonly BlockPool _pool;
    private readonly AnswerWriter _writer;
    private readonly ContentCoding _coding;
    private readonly bool _failsAsAWhole;
    private readonly ILogger _logger;
    private readonly AutoSignal _signal = new();
    private readonly BlockWriter _aside = new();
    private readonly ConcurrentQueue<StreamCall> _order = new();
    private readonly OutputFlush _flush;
    private readonly Posted<StreamCall> _posted = new();

    // Of those that were posted, what the loop has still to look at.
    private StreamCall? _taken;
    private long _unflushed;
    private volatile bool _isBroken;
    private volatile bool _isEnding;

    /// <param name="stream">Is not read any more once it is broken, or an error ends it.</param>
    /// <param name="failsAsAWhole">Whether the first error ends the stream, with its status.</param>
    public StreamSender(GrpcCall stream, BlockPool pool, GrpcOptions options, AnswerWriter writer, ContentCoding coding, bool failsAsAWhole, ILogger logger)
    {
        _stream = stream;
        _output = stream.Output;
        _pool = pool;
        _writer = writer;
        _coding = coding;
        _failsAsAWhole = failsAsAWhole;
        _logger = logger;
        Window = new CallWindow<StreamCall>(() => new StreamCall(this, pool), options.StreamBytes) { Most = options.StreamWindow };
        _flush = new OutputFlush(_output, _signal);
    }

    public CallWindow<StreamCall> Window { get; }

    /// <summary>The status that the stream is to end with, if an error ends it.</summary>
    public (StatusCode Status, string Text)? Failure { get; private set; }

    /// <summary>Whether the client does not get any more answers.</summary>
    public bool IsBroken => _isBroken;

    /// <summary>Notes that this call's answer comes after those before it.</summary>
    public void Expect(StreamCall call) => _order.Enqueue(call);

    /// <summary>Hands an answered call over. May be called by an instance's thread: notes it down and wakes the loop.</summary>
    public void Post(StreamCall call)
    {
        if (_posted.Post(call)) _signal.Set();
    }

    /// <summary>Throws away what is not written yet: the client does not wait for it any more.</summary>
    public void Break()
    {
        _isBroken = true;
        Window.CancelAll();
        _signal.Set();
    }

    /// <summary>Lets the loop end once everything that is expected has left.</summary>
    public void End()
    {
        _isEnding = true;
        _signal.Set();
    }

    /// <summary>The loop; ends after <see cref="End"/>.</summary>
    public async Task RunAsync()
    {
        while (true)
        {
            await _signal.WaitAsync().ConfigureAwait(false);
            try
            {
                WriteOn();
            }
#pragma warning disable CA1031 // What cannot be written to is gone, whatever the reason; the loop goes on, or every call that it waits for would be lost.
            catch (Exception error)
#pragma warning restore CA1031
            {
                if (!_stream.Aborted.IsCancellationRequested) Log.NotWritten(_logger, error);
                for (; _taken is { } call; _taken = call.Next) call.IsAnswered = true;
                Break();
                _stream.CancelRead();
            }

            if (_isEnding && !_flush.IsUnderWay && _order.IsEmpty) return;
        }
    }

    /// <summary>Takes what was posted, and writes what can leave; the rest is put aside.</summary>
    private void WriteOn()
    {
        if (_flush.IsCompleted) EndFlush();
        bool hasWritten = WriteReady();
        _taken = _posted.TakeAll();
        while (_taken is { } call)
        {
            _taken = call.Next;
            call.Next = null;
            call.IsAnswered = true;
            if (MustWait(call)) PutAside(call);
            else hasWritten |= WriteReady();
        }

        if (hasWritten) BeginFlush();
    }

    private bool MustWait(StreamCall call) => !_isBroken && (_flush.IsUnderWay || !_order.TryPeek(out StreamCall? first) || !ReferenceEquals(first, call));

    /// <summary>Writes the answers that are there and whose turn it is.</summary>
    /// <returns>Whether anything was written.</returns>
    private bool WriteReady()
    {
        bool hasWritten = false;
        while ((!_flush.IsUnderWay || _isBroken) && _order.TryPeek(out StreamCall? call) && call.IsAnswered)
        {
            if (!_isBroken && Failure is null) hasWritten |= Write(call);
            _order.TryDequeue(out _);
            call.Release();
            Window.Close(call);
        }

        return hasWritten;
    }

    private bool Write(StreamCall call)
    {
        Judge(call);
        if (call.Status != StatusCode.Ok && _failsAsAWhole)
        {
            Failure = (call.Status, call.Error);
            _stream.CancelRead();
            return false;
        }

        if (call.Aside is { } block) _output.Write(block.Span[..call.AsideBytes]);
        _unflushed += call.Aside is null ? WriteMessage(_output, call) : call.AsideBytes;
        return true;
    }

    /// <summary>Makes an error of the engine's the call's, and finishes its outputs.</summary>
    private static void Judge(StreamCall call)
    {
        if (call.Request is not { } request || call.Status != StatusCode.Ok) return;
        (call.Status, call.Error) = (request.Status, request.Error ?? "");
        call.Refusal = new RefusalParameters(request.Refusal.Reason.WireName(), request.RetryAfter);
        if (request.Status != StatusCode.Ok) return;
        try
        {
            call.Plan.Complete(request);
        }
        catch (InferenceException error)
        {
            (call.Status, call.Error) = (error.Status, error.Message);
        }
    }

    private long WriteMessage(IBufferWriter<byte> to, StreamCall call)
    {
        if (call.Status == StatusCode.Ok)
        {
            try
            {
                return _writer.Write(to, call.Request!, call.Plan, isStreamed: true, _coding);
            }
            catch (InferenceException error)
            {
                // Before anything was written: it is too large, or there is no memory to compress it in.
                (call.Status, call.Error) = (error.Status, error.Message);
            }
        }

        InferAnswer.WriteError(to, call.Error, call.Request?.Id ?? call.Id, call.Model, call.Refusal);
        return call.Error.Length;
    }

    /// <summary>Copies an answer out of the memory that others wait for.</summary>
    private void PutAside(StreamCall call)
    {
        Judge(call);
        if (call.Request is not { } request) return;
        call.Id = request.Id;
        if (call.Status == StatusCode.Ok)
        {
            // Compressed, it may be larger by an eighth: at its fastest, the library writes 9 bits for a byte that it finds no match for (its own DEFLATE_QUICK_OVERHEAD).
            const int MostPrefixBytes = 64;
            long response = InferAnswer.Bytes(request, call.Plan, isStreamed: true);
            long bytes = response + (_coding == ContentCoding.Identity ? 0 : (response / 8) + 1024) + MostPrefixBytes;
            if (_pool.TryRent(bytes, BlockOwner.ResponseTensors, out MemoryBlock? block))
            {
                call.Aside = block;
                _aside.Begin(block);
                WriteMessage(_aside, call);
                call.AsideBytes = _aside.Written;
            }
            else
            {
                (call.Status, call.Error) = (StatusCode.Unavailable, "there is no memory left for the answer: the memory pool is at its ceiling");
            }
        }

        call.Request = null;
        request.Dispose();
        Window.Charge(call, call.Aside?.Capacity ?? 0);
    }

    private void BeginFlush()
    {
        if (_flush.Begin()) EndFlush();
        else _stream.Timer.BeginFlush(_unflushed, isStream: true);
        _unflushed = 0;
    }

    private void EndFlush()
    {
        _stream.Timer.EndFlush();
        bool isTaken = _flush.End();
        // Answers whose turn came meanwhile: nothing else would wake the loop.
        if (_order.TryPeek(out StreamCall? next) && next.IsAnswered) _signal.Set();
        if (isTaken || _isBroken) return;
        Break();
        _stream.CancelRead();
    }

    private static partial class Log
    {
        [LoggerMessage(4402, LogLevel.Error, "An answer of a gRPC stream could not be written; the stream is given up.", EventName = "GrpcAnswerNotWritten")]
        public static partial void NotWritten(ILogger logger, Exception error);
    }
}
