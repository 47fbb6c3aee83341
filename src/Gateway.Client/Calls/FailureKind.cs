namespace Gateway.Client.Calls;

/// <summary>What the end of an attempt without an answer says about another one.</summary>
internal enum FailureKind
{
    /// <summary>Another attempt is of no use: the request is wrong, the caller gave up, the deadline passed.</summary>
    Final,

    /// <summary>The server said that it cannot take it now.</summary>
    Refused,

    /// <summary>The server did not get it, or said that it has not begun it.</summary>
    NotBegun,

    /// <summary>It was sent, and the connection broke: it may have run.</summary>
    Unanswered,
}
