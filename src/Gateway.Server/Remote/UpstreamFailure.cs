namespace Gateway.Server.Remote;

/// <summary>What kind of failure a batch met at its upstream, or on the way there.</summary>
public enum UpstreamFailure
{
    /// <summary>No connection was made.</summary>
    Connect = 0,

    /// <summary>The connection ended before anything was answered.</summary>
    Broken,

    /// <summary>No answer, or not all of it, came in time.</summary>
    TimedOut,

    /// <summary>The answer ended before it was whole.</summary>
    Truncated,

    /// <summary>The answer is not one to what was asked: no JSON, another shape, another type, rows too few or too many.</summary>
    Garbage,

    /// <summary>The answer is larger than it may be.</summary>
    TooLarge,

    /// <summary>Something in front of the upstream answered that it cannot reach it: 502, 504.</summary>
    BadGateway,

    /// <summary>It will not serve the batch, whatever is in it: 401, 403, 404, 429, 503.</summary>
    Refused,

    /// <summary>The batch is too large for it: 413.</summary>
    BatchTooLarge,

    /// <summary>It found the inputs at fault: any other status of the client's side.</summary>
    Invalid,

    /// <summary>The model failed there: any other status of the server's side.</summary>
    Failed,

    /// <summary>It was not asked: the circuit breaker is open.</summary>
    NotAsked,

    /// <summary>No answer, or not all of it, came before the deadlines of all requests in the batch were over.</summary>
    Overdue,
}
