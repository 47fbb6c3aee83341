namespace Gateway.Load.Results;

/// <summary>What happened at the server since the scrape before; milliseconds are averages a request.</summary>
/// <param name="Seconds">From the start of the run.</param>
internal sealed record ServerPoint(double Seconds, double CpuCores, double BatchRows, double Pending, double QueueMilliseconds, double InputMilliseconds, double InferMilliseconds, double OutputMilliseconds);
