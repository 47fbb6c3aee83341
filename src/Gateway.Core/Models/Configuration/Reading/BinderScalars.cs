namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>Brings protobuf's numbers into the types the records have, and reports those that do not fit.</summary>
internal static class BinderScalars
{
    /// <summary>The longest time a setting may state, in microseconds: what <see cref="TimeSpan"/> can hold.</summary>
    private const long MaxMicroseconds = long.MaxValue / TimeSpan.TicksPerMicrosecond;

    public static TimeSpan Microseconds(ConfigMessage message, string name, string prefix, ConfigErrors errors)
    {
        ulong value = message.UInt64(name);
        if (value <= MaxMicroseconds) return TimeSpan.FromTicks((long)value * TimeSpan.TicksPerMicrosecond);
        errors.Add(prefix + name, $"'{name}' must be at most {MaxMicroseconds}");
        return TimeSpan.Zero;
    }

    /// <summary>An unsigned number that must fit an <see cref="int"/>.</summary>
    public static int Count(ConfigMessage message, string name, string prefix, int max, ConfigErrors errors)
    {
        ulong value = message.Schema.Find(name)!.Kind == FieldKind.UInt64 ? message.UInt64(name) : (ulong)message.Int(name);
        if (value <= (ulong)max) return (int)value;
        errors.Add(prefix + name, $"'{name}' must be at most {max}, got {value}");
        return 0;
    }
}
