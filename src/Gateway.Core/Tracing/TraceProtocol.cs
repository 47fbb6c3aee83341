namespace Gateway.Core.Tracing;

/// <summary>How a traced request came, which names the first and the last of its times.</summary>
public enum TraceProtocol
{
    /// <summary>Triton has no names for it: its trace begins in the queue.</summary>
    Other,
    Http,
    Grpc,
}
