namespace Gateway.Server.Frames;

/// <summary>Settings of the frame carrier.</summary>
public sealed record FramesOptions
{
    /// <summary>Longest frame, in bytes; also the most bytes of input and output that one connection may have in flight before it is not read any more.</summary>
    public long MaxFrameBytes { get; init; } = 64L << 20;

    /// <summary>Most calls of one connection in flight, at least 1. Four batches of 64: one runs, one is gathered, and as many are on their way in either direction.</summary>
    public int Window { get; init; } = 256;

    /// <summary>What a client has to show in its hello; null when anybody may come.</summary>
    public string? AccessToken { get; init; }

    /// <summary>Name in hellos and metadata.</summary>
    public string ServerName { get; init; } = "gateway";

    public string ServerVersion { get; init; } = typeof(FramesOptions).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";
}
