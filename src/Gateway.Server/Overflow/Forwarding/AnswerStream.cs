using Gateway.Protocol;
using Gateway.Server.OpenInference;

namespace Gateway.Server.Overflow.Forwarding;

/// <summary>Collects a replica's answer, up to a limit.</summary>
/// <param name="most">Most bytes.</param>
internal sealed class AnswerStream(TextBuffer destination, long most) : Stream
{
    /// <summary>Whether there was more than the limit.</summary>
    public bool IsTooLong { get; private set; }

    /// <summary>Whether there was no memory for it.</summary>
    public bool HasNoMemory { get; private set; }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Flush()
    {
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (destination.Length + (long)buffer.Length > most)
        {
            IsTooLong = true;
            throw new IOException($"The answer has more than {most} bytes.");
        }

        try
        {
            destination.Write(buffer);
        }
        catch (InferenceException error)
        {
            HasNoMemory = true;
            throw new IOException(error.Message, error);
        }
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Write(buffer.Span);
        return ValueTask.CompletedTask;
    }
}
