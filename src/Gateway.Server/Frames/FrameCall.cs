using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol.Frames;
using Gateway.Server.Calls;

namespace Gateway.Server.Frames;

/// <summary>One call of a connection, from its message to its answer; used again for the next.</summary>
/// <remarks><b>Threading</b>: the reader opens and may cancel it, whoever answers its request hands it to the sender, which writes and closes it.</remarks>
internal sealed class FrameCall(FrameSender sender) : PipelinedCall<FrameCall>
{
    /// <summary>The client's number for it.</summary>
    public uint Number { get; set; }

    /// <summary>Which outputs are wanted; none stands for all.</summary>
    public List<int> WantedOutputs { get; } = [];

    /// <summary>Kind of a prepared answer.</summary>
    public MessageKind Kind { get; set; }

    /// <summary>Body of an answer that is not an inference's.</summary>
    public byte[]? Body { get; set; }

    /// <summary>What the call is refused with, unread.</summary>
    public EarlyRefusal? Refusal { get; set; }

    /// <summary>May have it answered by another server; null for the others.</summary>
    public FrameRelay? Relay { get; set; }

    public override void Cancel()
    {
        base.Cancel();
        Relay?.Cancel();
    }

    /// <summary>Says how many bytes of input or output it holds from now on.</summary>
    public void Charge(long bytes) => sender.Window.Charge(this, bytes);

    /// <summary>Its request was not accepted after all, and is given back.</summary>
    /// <param name="hasFlown">Whether its flight had begun.</param>
    /// <returns>False when it has been answered all the same: the call is the sender's.</returns>
    public bool Drop(InferenceRequest request, bool hasFlown)
    {
        if (hasFlown && !EndFlight()) return false;
        GiveBack(request);
        return true;
    }

    /// <summary>Gives back a request that is answered, without its answer.</summary>
    public void GiveBack(InferenceRequest request)
    {
        Request = null;
        WantedOutputs.Clear();
        request.Dispose();
    }

    /// <summary>Gives the answered call to the sender.</summary>
    public void Post() => sender.Post(this);

    protected override void HandOver()
    {
        if (Relay is { } relay && Request is { } request && (request.Refusal.Reason != RefusalReason.None || request.Place is not null)) relay.NotServedHere(request);
        else Post();
    }
}
