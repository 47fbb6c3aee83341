using Gateway.Core.Requests;

namespace Gateway.Core.Tracing;

/// <summary>The trace of one request: what it was, and when it passed each stage.</summary>
/// <remarks><b>Threading</b>: its request's owner; the writer's once it has ended.</remarks>
public sealed class RequestTrace
{
    private readonly Tracer _tracer;

    internal RequestTrace(Tracer tracer, long id, TraceConfig config, string model, long version, long began)
    {
        _tracer = tracer;
        Id = id;
        Config = config;
        Model = model;
        Version = version;
        ReceiveStart = began;
    }

    /// <summary>Above 0, in the order in which requests came.</summary>
    internal long Id { get; }

    internal TraceConfig Config { get; }

    internal string Model { get; }

    internal long Version { get; }

    internal string RequestId { get; private set; } = "";

    internal TraceProtocol Protocol { get; private set; }

    /// <summary>When it was begun to be read; like all times here, a timestamp of the server's clock.</summary>
    internal long ReceiveStart { get; private set; }

    internal StageTimes Times { get; private set; }

    /// <summary>When its answer had been written to its connection, or nobody wanted it any more.</summary>
    internal long SendEnd { get; private set; }

    /// <summary>Says how it came.</summary>
    /// <param name="start">When it was begun to be read; 0 for when its model was found.</param>
    public void ComeBy(TraceProtocol protocol, long start = 0)
    {
        Protocol = protocol;
        if (start != 0) ReceiveStart = start;
    }

    internal void End(InferenceRequest request)
    {
        RequestId = request.Id;
        Times = request.Times;
        SendEnd = _tracer.Now;
        _tracer.Write(this);
    }
}
