namespace Gateway.Load.Carriers;

/// <summary>What became of a call.</summary>
internal enum CallOutcome
{
    Ok,

    /// <summary>Not now: 503 or 429, <c>UNAVAILABLE</c> or <c>RESOURCE_EXHAUSTED</c>. The server did what it should when it cannot do more.</summary>
    Refused,

    /// <summary>Answered with an error.</summary>
    Failed,

    /// <summary>The connection ended before the answer, or what came was none.</summary>
    Broken,

    /// <summary>No answer in time.</summary>
    TimedOut,

    /// <summary>Its deadline passed in the client, before a connection was free for it.</summary>
    Expired,

    /// <summary>Never sent: as many calls waited in the client as may.</summary>
    Unsent,

    /// <summary>Answered, but not as the first time (<c>--verify</c>).</summary>
    Wrong,
}
