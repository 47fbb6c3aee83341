namespace Gateway.Harness.Load;

/// <summary>What one stretch of load from h2load came to.</summary>
/// <param name="PerSecond">Calls answered a second.</param>
/// <param name="ServerCpuMicroseconds">CPU time of the server for each.</param>
/// <param name="MeanMicroseconds">Mean latency.</param>
internal sealed record H2LoadResult(double PerSecond, double ServerCpuMicroseconds, double MeanMicroseconds);
