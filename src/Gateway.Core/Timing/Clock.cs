namespace Gateway.Core.Timing;

/// <summary>The clock that a server runs on.</summary>
public static class Clock
{
    /// <summary>The most precise clock of this system: with timers that keep to microseconds on Linux, the framework's elsewhere.</summary>
    /// <returns>One to keep for the life of the process.</returns>
    public static TimeProvider Create() => OperatingSystem.IsLinux() ? new PreciseTimeProvider() : TimeProvider.System;
}
