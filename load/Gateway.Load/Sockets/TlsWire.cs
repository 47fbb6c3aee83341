using System.Threading.Tasks.Sources;
using Gateway.Load.Carriers;

namespace Gateway.Load.Sockets;

/// <summary>Encrypted bytes on their way between a socket and an <see cref="System.Net.Security.SslStream"/>, which takes this for the network.</summary>
/// <remarks>
/// <b>Behaviour</b>: writing never waits; reading goes on, on the same thread, as soon as bytes are given to it. <b>Threading</b>: one thread.
/// <b>Cost</b>: no allocation once its buffers have grown.
/// </remarks>
internal sealed class TlsWire : Stream, IValueTaskSource<int>
{
    private readonly InputBuffer _received = new();
    private ManualResetValueTaskSourceCore<int> _read;
    private Memory<byte> _destination;
    private bool _isWaiting;

    /// <summary>What is to be sent.</summary>
    public OutputBuffer Output { get; } = new();

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Where received bytes go, before <see cref="Received"/>.</summary>
    public Span<byte> Room() => _received.Room(0);

    public void Received(int bytes)
    {
        _received.Received(bytes);
        if (!_isWaiting) return;
        _isWaiting = false;
        _read.SetResult(Take(_destination.Span));
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty || !_received.Unread.IsEmpty) return new ValueTask<int>(Take(buffer.Span));
        _destination = buffer;
        _isWaiting = true;
        _read.Reset();
        return new ValueTask<int>(this, _read.Version);
    }

    public override void Write(ReadOnlySpan<byte> buffer) => Output.Append(buffer);

    public override void Write(byte[] buffer, int offset, int count) => Output.Append(buffer.AsSpan(offset, count));

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Output.Append(buffer.Span);
        return ValueTask.CompletedTask;
    }

    public override void Flush()
    {
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    int IValueTaskSource<int>.GetResult(short token) => _read.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<int>.GetStatus(short token) => _read.GetStatus(token);

    void IValueTaskSource<int>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) => _read.OnCompleted(continuation, state, token, flags);

    private int Take(Span<byte> to)
    {
        int bytes = Math.Min(to.Length, _received.Unread.Length);
        _received.Unread[..bytes].CopyTo(to);
        _received.Taken(bytes);
        return bytes;
    }
}
