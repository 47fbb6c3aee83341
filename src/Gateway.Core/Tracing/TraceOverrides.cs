namespace Gateway.Core.Tracing;

/// <summary>What is set for a model, or by a call: each as in <see cref="TraceConfig"/>, null for what is left to the general settings.</summary>
public sealed record TraceOverrides(bool? HasTimestamps = null, uint? Rate = null, int? Count = null, uint? LogFrequency = null, string? File = null)
{
    /// <summary>Sets nothing.</summary>
    public static TraceOverrides None { get; } = new();

    /// <summary>These settings, and the general ones where they say nothing.</summary>
    public TraceConfig Over(TraceConfig general) =>
        new(HasTimestamps ?? general.HasTimestamps, Rate ?? general.Rate, Count ?? general.Count, LogFrequency ?? general.LogFrequency, File ?? general.File);

    /// <summary>What they are after a call.</summary>
    /// <param name="given">What it sets.</param>
    /// <param name="cleared">What it clears.</param>
    public TraceOverrides With(TraceOverrides given, TraceFields cleared) => new(
        given.HasTimestamps ?? (cleared.HasFlag(TraceFields.Level) ? null : HasTimestamps),
        given.Rate ?? (cleared.HasFlag(TraceFields.Rate) ? null : Rate),
        given.Count ?? (cleared.HasFlag(TraceFields.Count) ? null : Count),
        given.LogFrequency ?? (cleared.HasFlag(TraceFields.LogFrequency) ? null : LogFrequency),
        given.File ?? (cleared.HasFlag(TraceFields.File) ? null : File));
}
