using System.Buffers;
using System.IO.Pipelines;

namespace Gateway.Server.Grpc.Http2;

/// <summary>What a call writes as its answer's body, until the connection has sent it.</summary>
/// <remarks><b>Behaviour</b>: a flush waits while more than <see cref="GrpcCall.MostUnwatched"/> bytes are to be sent. <b>Threading</b>: the call writes, the connection's sender reads.</remarks>
internal sealed class StreamOutput(Http2Stream stream, MemoryPool<byte> memory) : PipeWriter
{
    private readonly Pipe _pipe = new(new PipeOptions(
        memory, pauseWriterThreshold: GrpcCall.MostUnwatched, resumeWriterThreshold: GrpcCall.MostUnwatched / 2, useSynchronizationContext: false));

    private bool _isGone;

    /// <summary>The sender's: what is to be sent.</summary>
    public PipeReader Reader => _pipe.Reader;

    /// <summary>The sender's: nothing is sent any more; flushes return at once.</summary>
    public void Drop()
    {
        if (_isGone) return;
        _isGone = true;
        _pipe.Reader.Complete();
    }

    /// <summary>Makes it as new; nobody reads or writes.</summary>
    public void Renew()
    {
        _pipe.Writer.Complete();
        _pipe.Reader.Complete();
        _pipe.Reset();
        _isGone = false;
    }

    public override void Advance(int bytes) => _pipe.Writer.Advance(bytes);

    public override Memory<byte> GetMemory(int sizeHint = 0) => _pipe.Writer.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => _pipe.Writer.GetSpan(sizeHint);

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        stream.Start();
        ValueTask<FlushResult> flush = _pipe.Writer.FlushAsync(cancellationToken);
        stream.Post();
        return flush;
    }

    public override void CancelPendingFlush() => _pipe.Writer.CancelPendingFlush();

    /// <summary>The call is over.</summary>
    public override void Complete(Exception? exception = null) => _pipe.Writer.Complete();
}
