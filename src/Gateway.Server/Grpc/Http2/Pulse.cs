namespace Gateway.Server.Grpc.Http2;

/// <summary>Whether a client is there.</summary>
internal enum Pulse
{
    Well,

    /// <summary>It has said nothing for a while, and is to be pinged.</summary>
    Silent,

    /// <summary>Nobody has used the connection for very long.</summary>
    Idle,

    /// <summary>It does not answer, or take what it is sent.</summary>
    Gone,
}
