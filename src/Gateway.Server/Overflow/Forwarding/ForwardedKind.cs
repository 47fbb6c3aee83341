namespace Gateway.Server.Overflow.Forwarding;

/// <summary>How a call to a replica ended.</summary>
internal enum ForwardedKind
{
    /// <summary>With a result, or with an error that is the request's own.</summary>
    Answered,

    /// <summary>The replica cannot serve it in time, or does not have the model any more.</summary>
    Refused,

    /// <summary>Not at all, or with half an answer, or one that makes no sense.</summary>
    Failed,

    /// <summary>Nobody listens there.</summary>
    Unreachable,

    /// <summary>There was no answer in the time of the hop.</summary>
    TimedOut,

    /// <summary>The client has gone.</summary>
    Abandoned,
}
