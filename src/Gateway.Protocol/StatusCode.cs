namespace Gateway.Protocol;

/// <summary>Outcome of a request, in Triton's vocabulary; each protocol maps it to its own statuses.</summary>
public enum StatusCode
{
    Ok,

    /// <summary>Nothing more is known.</summary>
    Unknown,

    /// <summary>The server is at fault.</summary>
    Internal,

    /// <summary>No such model, version or region.</summary>
    NotFound,

    /// <summary>The client is at fault.</summary>
    InvalidArgument,

    /// <summary>Not now: the queue is full, the time-out passed in it, the model is not ready, the server is stopping.</summary>
    Unavailable,

    /// <summary>Not served by this program or this model.</summary>
    Unsupported,

    AlreadyExists,

    /// <summary>The caller gave up.</summary>
    Cancelled,

    /// <summary>No access token, or a wrong one.</summary>
    Unauthenticated,

    /// <summary>Who asks is known, and may not.</summary>
    PermissionDenied,

    /// <summary>The tenant exceeds a limit of its own.</summary>
    ResourceExhausted,

    /// <summary>The caller wanted an answer that is kept, and there is none.</summary>
    NotCached,
}
