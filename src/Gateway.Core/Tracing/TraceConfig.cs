namespace Gateway.Core.Tracing;

/// <summary>Which requests are traced, and where to, for one model or for all; the words and the defaults are Triton's.</summary>
/// <param name="HasTimestamps">Whether requests are traced: the times of their stages, the one level that is served.</param>
/// <param name="Rate">One of so many requests is traced; not 0 while they are.</param>
/// <param name="Count">Traces that are still to be made; -1 for no limit.</param>
/// <param name="LogFrequency">Traces a file, after which another is begun, with a number behind its name; 0 for one file without.</param>
/// <param name="File">Full path of the file; empty for none.</param>
public sealed record TraceConfig(bool HasTimestamps = false, uint Rate = 1000, int Count = -1, uint LogFrequency = 0, string File = "")
{
    /// <summary>What is wrong with it; null for nothing. Only one that traces can be wrong, as in Triton.</summary>
    public string? Problem => !HasTimestamps ? null : Rate == 0 ? "sample rate must be non-zero" : File.Length == 0 ? "trace file name is not given" : null;
}
