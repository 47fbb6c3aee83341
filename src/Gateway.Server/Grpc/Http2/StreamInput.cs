using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Gateway.Server.Grpc.Http2;

/// <summary>What has come of a stream's body and is not read yet; the stream's window is given back as it is.</summary>
/// <remarks><b>Threading</b>: the connection's reader writes, the call reads.</remarks>
internal sealed class StreamInput(Http2Stream stream, MemoryPool<byte> memory) : PipeReader
{
    // No threshold: the stream's window bounds it.
    private readonly Pipe _pipe = new(new PipeOptions(memory, pauseWriterThreshold: 0, useSynchronizationContext: false));
    private ReadOnlySequence<byte> _read;
    private long _taken;
    private long _written;
    private bool _isEnded;

    /// <summary>Bytes that have come and were never read; once the call is over.</summary>
    public long Left => _written - _taken;

    /// <summary>The connection's: more has come.</summary>
    public void Write(in ReadOnlySequence<byte> data)
    {
        if (_isEnded || data.IsEmpty) return;
        foreach (ReadOnlyMemory<byte> part in data) _pipe.Writer.Write(part.Span);
        _written += data.Length;

        // Never waits, there being no threshold.
        ValueTask<FlushResult> flush = _pipe.Writer.FlushAsync();
        if (flush.IsCompleted) flush.GetAwaiter().GetResult();
    }

    /// <summary>The connection's: nothing more comes.</summary>
    /// <param name="error">Null for the end of the body.</param>
    public void End(Exception? error)
    {
        if (_isEnded) return;
        _isEnded = true;
        _pipe.Writer.Complete(error);
    }

    /// <summary>Makes it as new; nobody reads or writes.</summary>
    public void Renew()
    {
        End(null);
        _pipe.Reader.Complete();
        _pipe.Reset();
        _read = default;
        _taken = _written = 0;
        _isEnded = false;
    }

    public override bool TryRead(out ReadResult result)
    {
        bool hasRead = _pipe.Reader.TryRead(out result);
        if (hasRead) _read = result.Buffer;
        return hasRead;
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        ValueTask<ReadResult> reading = _pipe.Reader.ReadAsync(cancellationToken);
        return reading.IsCompletedSuccessfully ? new ValueTask<ReadResult>(Note(reading.Result)) : WaitAsync(reading);
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        long bytes = _read.Slice(0, consumed).Length;
        _read = default;
        _pipe.Reader.AdvanceTo(consumed, examined);
        if (bytes == 0) return;
        _taken += bytes;
        stream.GiveBack((int)bytes);
    }

    public override void CancelPendingRead() => _pipe.Reader.CancelPendingRead();

    public override void Complete(Exception? exception = null) => _pipe.Reader.Complete(exception);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> WaitAsync(ValueTask<ReadResult> reading) => Note(await reading.ConfigureAwait(false));

    private ReadResult Note(ReadResult result)
    {
        _read = result.Buffer;
        return result;
    }
}
