using System.Globalization;
using Gateway.Core.Tracing;
using Gateway.Protocol;

namespace Gateway.Server.OpenInference;

/// <summary>What a call says of the settings of the trace extension, whatever its protocol; put together as a whole before any of it is applied. Names and texts are Triton's.</summary>
/// <remarks>One level is served, TIMESTAMPS; TENSORS is refused by name, others are ignored, as in Triton. Traces have Triton's own form: there is no other mode.</remarks>
internal sealed class TraceSettings(Tracer tracer)
{
    public const string Level = "trace_level";
    private const string Mode = "trace_mode";
    private const string Rate = "trace_rate";
    private const string Count = "trace_count";
    private const string LogFrequency = "log_frequency";
    private const string TraceFile = "trace_file";
    private const string Off = "OFF";
    private const string Timestamps = "TIMESTAMPS";
    private const string Tensors = "TENSORS";
    private const string OnlyMode = "triton";

    private TraceOverrides _given = TraceOverrides.None;
    private TraceFields _cleared;

    /// <summary>All settings in Triton's order.</summary>
    public static (string Name, string Value)[] All(TraceConfig config) =>
    [
        (Level, config.HasTimestamps ? Timestamps : Off),
        (Rate, Text(config.Rate)),
        (Count, Text(config.Count)),
        (LogFrequency, Text(config.LogFrequency)),
        (TraceFile, config.File),
        (Mode, OnlyMode),
    ];

    /// <summary>Changes what is said of, and gives all settings back.</summary>
    /// <param name="model">Empty for the general settings.</param>
    public TraceConfig ApplyTo(string model)
    {
        string? name = model.Length > 0 ? model : null;
        return _given == TraceOverrides.None && _cleared == TraceFields.None ? tracer.Get(name) : tracer.Change(name, _given, _cleared);
    }

    /// <summary>Leaves a setting to the general ones.</summary>
    /// <exception cref="InferenceException">There is no such setting.</exception>
    public void Clear(string name) => _cleared |= name switch
    {
        Level => TraceFields.Level,
        Rate => TraceFields.Rate,
        Count => TraceFields.Count,
        LogFrequency => TraceFields.LogFrequency,
        TraceFile => TraceFields.File,
        Mode => TraceFields.None,
        _ => throw Unknown(name),
    };

    /// <summary>Sets the levels; none clears them.</summary>
    public void SetLevels(IReadOnlyCollection<string> levels)
    {
        if (levels.Count == 0) Clear(Level);
        if (levels.Contains(Tensors)) throw Errors.Unsupported($"trace level '{Tensors}' is not served, '{Timestamps}' is");
        if (levels.Count > 1 && levels.Contains(Off)) throw Errors.Invalid("Expect only one trace level 'OFF' is specified");
        if (levels.Contains(Timestamps)) _given = _given with { HasTimestamps = true };
        else if (levels.Contains(Off)) _given = _given with { HasTimestamps = false };
    }

    /// <summary>Sets another.</summary>
    /// <exception cref="InferenceException">There is no such setting, or none of that value.</exception>
    public void Set(string name, string value) => _given = name switch
    {
        Rate => _given with { Rate = (uint)Number(name, value, 0, uint.MaxValue) },
        Count => _given with { Count = (int)Number(name, value, -1, int.MaxValue) },
        LogFrequency => _given with { LogFrequency = (uint)Number(name, value, 0, uint.MaxValue) },
        TraceFile => _given with { File = tracer.FileOf(value) },
        Mode => value == OnlyMode ? _given : throw Errors.Unsupported($"'{Mode}' can not be updated: traces are written as '{OnlyMode}'"),
        _ => throw Unknown(name),
    };

    private static long Number(string name, string value, long least, long most)
    {
        string shown = value.Length > 64 ? value[..64] : value;
        bool isNumber = decimal.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out decimal number);
        if (!isNumber && !IsLongNumber(value)) throw Errors.Invalid($"Unable to parse '{name}', got: {shown}");
        if (isNumber && name == Count && number < least && number >= int.MinValue) throw Errors.Invalid($"Unable to parse '{name}'. Expecting value >= {least}, got:{shown}");
        return isNumber && number >= least && number <= most ? (long)number : throw Errors.Invalid($"Unable to parse '{name}', value is out of range [ {least}, {most} ], got: {shown}");
    }

    private static bool IsLongNumber(string value) => value.Length > 0 && value.AsSpan(value[0] is '-' or '+' ? 1 : 0) is { IsEmpty: false } digits && !digits.ContainsAnyExceptInRange('0', '9');

    private static InferenceException Unknown(string name) => Errors.Invalid($"unknown trace setting '{(name.Length > 64 ? name[..64] : name)}'");

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
