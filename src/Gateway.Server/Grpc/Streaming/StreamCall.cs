using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Scheduling;
using Gateway.Protocol;
using Gateway.Server.Calls;
using Gateway.Server.Grpc.Inference;

namespace Gateway.Server.Grpc.Streaming;

/// <summary>One request of a stream, from its message to its answer; used again for the next.</summary>
/// <remarks><b>Threading</b>: the reader opens it, whoever answers its request hands it to the sender, which writes and closes it.</remarks>
internal sealed class StreamCall(StreamSender sender, BlockPool pool) : PipelinedCall<StreamCall>
{
    /// <summary>Which outputs are wanted.</summary>
    public AnswerPlan Plan { get; } = new(pool);

    /// <summary>The client's id of a request that failed before the engine had it.</summary>
    public string Id { get; set; } = "";

    /// <summary>Its error; Ok where it came to the engine.</summary>
    public StatusCode Status { get; set; }

    public string Error { get; set; } = "";

    /// <summary>Why it was refused, if it was.</summary>
    public RefusalParameters Refusal { get; set; }

    /// <summary>What ran it, or refused it; null when it did not come so far.</summary>
    public ServedModel? Model { get; set; }

    /// <summary>May have it answered by another server; null for the others.</summary>
    public StreamRelay? Relay { get; set; }

    /// <summary>Whether it is answered; the sender's.</summary>
    public bool IsAnswered { get; set; }

    /// <summary>Says how many bytes of input or output it holds from now on.</summary>
    public void Charge(long bytes) => sender.Window.Charge(this, bytes);

    /// <summary>Gives the answered call to the sender.</summary>
    public void Post() => sender.Post(this);

    public override void Cancel()
    {
        base.Cancel();
        Relay?.Cancel();
    }

    /// <summary>Gives back all that it holds.</summary>
    public void Release()
    {
        Relay?.Dispose();
        Relay = null;
        Request?.Dispose();
        Request = null;
        Aside?.Release();
        Aside = null;
        Plan.Clear();
        Id = "";
        Status = StatusCode.Ok;
        Error = "";
        Refusal = default;
        Model = null;
        IsAnswered = false;
    }

    protected override void HandOver()
    {
        if (Relay is { } relay && Request is { } request && (request.Refusal.Reason != RefusalReason.None || request.Place is not null)) relay.NotServedHere(request);
        else Post();
    }
}
