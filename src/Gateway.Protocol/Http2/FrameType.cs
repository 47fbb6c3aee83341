namespace Gateway.Protocol.Http2;

/// <summary>What a frame of HTTP/2 is (RFC 9113); the values are the wire's.</summary>
internal enum FrameType : byte
{
    Data = 0,
    Headers = 1,
    Priority = 2,
    ResetStream = 3,
    Settings = 4,
    PushPromise = 5,
    Ping = 6,
    GoAway = 7,
    WindowUpdate = 8,
    Continuation = 9,
}
