namespace Gateway.Server.Overflow;

/// <summary>How this gateway uses its replicas.</summary>
/// <param name="PollPeriod">Time between two questions to a replica.</param>
/// <param name="AccessToken">Shown to replicas when they are asked; null for none.</param>
/// <param name="Time">The engine's clock.</param>
internal sealed record OverflowSettings(TimeSpan PollPeriod, string? AccessToken, TimeProvider Time)
{
    // A report that three polls have not renewed says nothing any more.
    private const int PollsOfAge = 3;

    /// <summary>After which a report says nothing any more.</summary>
    public TimeSpan MaximumAge => PollsOfAge * PollPeriod;

    /// <summary>Microseconds of the clock.</summary>
    public long Now() => (long)(Time.GetTimestamp() * (1e6 / Time.TimestampFrequency));

    /// <summary>Microseconds that so many ticks of the clock are.</summary>
    public long Microseconds(long ticks) => (long)Time.GetElapsedTime(0, ticks).TotalMicroseconds;

    /// <summary>Ticks of the clock.</summary>
    public long Ticks(long microseconds) => (long)(microseconds * (Time.TimestampFrequency / 1e6));
}
