namespace Gateway.Core.Tracing;

/// <summary>Settings of <see cref="TraceConfig"/> that are cleared: what they are is left to the general ones again.</summary>
[Flags]
public enum TraceFields
{
    None = 0,
    Level = 1,
    Rate = 2,
    Count = 4,
    LogFrequency = 8,
    File = 16,
}
