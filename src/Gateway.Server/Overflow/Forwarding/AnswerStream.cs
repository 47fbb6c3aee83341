using Gateway.Protocol;
using Gateway.Server.OpenInference;

namespace Gateway.Server.Overflow.Forwarding;

/// <summary>Collects a replica's answer, up to a limit.</summary>
/// <param name="most">Most bytes.</param>
internal sealed class AnswerStream(TextBuffer destination, long most) : TextBufferStream(destination)
{
    private readonly TextBuffer _destination = destination;

    /// <summary>Whether there was more than the limit.</summary>
    public bool IsTooLong { get; private set; }

    /// <summary>Whether there was no memory for it.</summary>
    public bool HasNoMemory { get; private set; }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (_destination.Length + (long)buffer.Length > most)
        {
            IsTooLong = true;
            throw new IOException($"The answer has more than {most} bytes.");
        }

        try
        {
            base.Write(buffer);
        }
        catch (InferenceException error)
        {
            HasNoMemory = true;
            throw new IOException(error.Message, error);
        }
    }
}
