using Gateway.Core.Memory;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol.Frames;

namespace Gateway.Server.Frames;

/// <summary>One call of a connection, from its message to its answer; used again for the next.</summary>
/// <remarks>
/// <b>Threading</b>: the reader opens and may cancel it, whoever answers its request hands it to the sender, which writes and closes it. A cancellation that is
/// under way when the answer comes takes the handing over upon itself: until then the request must not become someone else's.
/// </remarks>
internal sealed class FrameCall(FrameSender sender) : IAnswerReceiver
{
    private const int Idle = 0;
    private const int InFlight = 1;
    private const int Cancelling = 2;
    private const int AnsweredMeanwhile = 3;

    private int _state;

    /// <summary>The client's number for it.</summary>
    public uint Number { get; set; }

    public bool IsOpen { get; set; }

    /// <summary>What it counts for in the connection's bound in bytes.</summary>
    public long Bytes { get; set; }

    /// <summary>The request, of a call for an inference, until its answer is written.</summary>
    public InferenceRequest? Request { get; set; }

    /// <summary>Which outputs are wanted; none stands for all.</summary>
    public List<int> WantedOutputs { get; } = [];

    /// <summary>Kind of a prepared answer.</summary>
    public MessageKind Kind { get; set; }

    /// <summary>Body of an answer that is not an inference's.</summary>
    public byte[]? Body { get; set; }

    /// <summary>What the call is refused with, unread.</summary>
    public EarlyRefusal? Refusal { get; set; }

    /// <summary>An answer that was written aside while the connection was not taking any, and its length.</summary>
    public MemoryBlock? Aside { get; set; }

    public int AsideBytes { get; set; }

    /// <summary>Links calls that have been answered.</summary>
    public FrameCall? Next { get; set; }

    /// <summary>From here the request may be answered, and cancelled.</summary>
    public void BeginFlight() => Volatile.Write(ref _state, InFlight);

    /// <summary>The request was not accepted after all; nobody cancels it any more once this returns.</summary>
    public void EndFlight()
    {
        SpinWait spin = default;
        while (Interlocked.CompareExchange(ref _state, Idle, InFlight) != InFlight) spin.SpinOnce();
    }

    /// <summary>Gives the request up, if it is in flight.</summary>
    public void Cancel()
    {
        if (Interlocked.CompareExchange(ref _state, Cancelling, InFlight) != InFlight) return;
        Request!.Cancel();
        if (Interlocked.CompareExchange(ref _state, InFlight, Cancelling) == Cancelling) return;
        HandOver();
    }

    public void OnAnswered(InferenceRequest request)
    {
        if (Interlocked.CompareExchange(ref _state, Idle, InFlight) == InFlight) sender.Post(this);
        else if (Interlocked.CompareExchange(ref _state, AnsweredMeanwhile, Cancelling) == InFlight) OnAnswered(request);
    }

    private void HandOver()
    {
        Volatile.Write(ref _state, Idle);
        sender.Post(this);
    }
}
