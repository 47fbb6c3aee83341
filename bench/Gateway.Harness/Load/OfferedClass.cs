namespace Gateway.Harness.Load;

/// <summary>Requests that are alike.</summary>
/// <param name="Deadline">Time for an answer, as the client sees it.</param>
/// <param name="Share">Of all requests, between 0 and 1.</param>
internal sealed record OfferedClass(FrameExchange Exchange, TimeSpan Deadline, double Share = 1);
