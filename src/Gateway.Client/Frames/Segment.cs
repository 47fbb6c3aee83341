namespace Gateway.Client.Frames;

/// <summary>A buffer of the shared array pool with frames to send.</summary>
internal readonly record struct Segment(byte[] Buffer, int Length);
