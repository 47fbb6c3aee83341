using Gateway.Client.Endpoints;
using Gateway.Client.Messages;
using Gateway.Protocol.Frames;
using Gateway.Protocol.MessagePack;

namespace Gateway.Client.Calls;

/// <summary>One attempt at a call, on its way through one endpoint.</summary>
/// <remarks>
/// <b>Behaviour</b>: whoever it was submitted to ends it exactly once, by <see cref="OnAnswer"/> or <see cref="OnFailed"/>, and does not touch it after that.
/// <b>Threading</b>: the fields of the connection are read and written under its lock only. <b>Ownership</b>: an answer's buffer becomes the call's.
/// </remarks>
internal abstract class PendingCall
{
    public abstract MessageKind Kind { get; }

    /// <summary>The request, of a call for an inference.</summary>
    public InferenceRequest? Request { get; protected set; }

    /// <summary>Of a call that names one.</summary>
    public abstract string? ModelName { get; }

    public abstract string? ModelVersion { get; }

    /// <summary>When it is to end, as a timestamp; <see cref="long.MaxValue"/> for never.</summary>
    public long Deadline { get; set; }

    public Endpoint? Endpoint { get; set; }

    /// <summary>What it was handed to last.</summary>
    public volatile ICallCarrier? Carrier;

    public CallPlace Place { get; set; }

    /// <summary>Of a call in flight: its place in the window.</summary>
    public int Slot { get; set; }

    /// <summary>Of a call in flight: where in the connection's stream its frame begins.</summary>
    public long FrameStart { get; set; }

    public PendingCall? Previous { get; set; }

    public PendingCall? Next { get; set; }

    /// <summary>Bytes of the body.</summary>
    /// <param name="timeoutMicroseconds">Time left for it; 0 for no limit.</param>
    public virtual long BodyBytes(long timeoutMicroseconds) => ModelMessage.Bytes(ModelName, ModelVersion);

    public virtual void WriteBody(ref MessagePackWriter writer, long timeoutMicroseconds) => ModelMessage.Write(ref writer, ModelName, ModelVersion);

    public abstract void OnAnswer(Answer answer);

    public abstract void OnFailed(CallFailure failure);

    /// <summary>Time left until the deadline.</summary>
    /// <returns>0 for no limit; at least 1 otherwise.</returns>
    public long MicrosecondsLeft(TimeProvider time)
    {
        if (Deadline == long.MaxValue) return 0;
        long ticks = Deadline - time.GetTimestamp();
        return Math.Max(1, (long)(ticks * (1e6 / time.TimestampFrequency)));
    }
}
