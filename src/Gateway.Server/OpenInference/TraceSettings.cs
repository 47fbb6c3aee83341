using System.Globalization;
using Gateway.Protocol;

namespace Gateway.Server.OpenInference;

/// <summary>The settings of the trace extension, of a server that writes no traces: says so, and refuses by name what would have one written.</summary>
/// <remarks>What changes nothing is taken: the values that are.</remarks>
internal static class TraceSettings
{
    public const string Level = "trace_level";
    private const string TraceFile = "trace_file";
    private const string Count = "trace_count";

    /// <summary>All settings in Triton's order.</summary>
    public static readonly (string Name, string Value)[] All =
    [
        (Level, "OFF"), ("trace_rate", "1000"), (Count, "-1"), ("log_frequency", "0"), (TraceFile, ""), ("trace_mode", "triton"),
    ];

    /// <exception cref="InferenceException">There is no such setting, or none that may be set.</exception>
    public static void CheckName(string name)
    {
        if (name == TraceFile) throw new InferenceException(StatusCode.Unsupported, "trace file location can not be updated through network protocol");
        if (!All.Any(setting => setting.Name == name)) throw Errors.Invalid($"unknown trace setting '{name}'");
    }

    /// <summary>Checks a list of levels.</summary>
    public static void CheckLevels(IReadOnlyCollection<string> levels)
    {
        if (levels.Any(level => level is "TIMESTAMPS" or "TENSORS")) throw NotServed(Level);
        if (levels.Count > 1 && levels.Contains("OFF")) throw Errors.Invalid("Expect only one trace level 'OFF' is specified");
    }

    /// <summary>Checks another setting's value.</summary>
    public static void Check(string name, string value)
    {
        if (value == All.First(setting => setting.Name == name).Value) return;
        if (name != "trace_mode") CheckNumber(name, value);
        throw NotServed(name);
    }

    private static void CheckNumber(string name, string value)
    {
        string shown = value.Length > 64 ? value[..64] : value;
        bool isNumber = decimal.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out decimal number);
        if (!isNumber && !IsLongNumber(value)) throw Errors.Invalid($"Unable to parse '{name}', got: {shown}");
        (long least, long most) = name == Count ? (-1, int.MaxValue) : (0, uint.MaxValue);
        if (isNumber && name == Count && number < least && number >= int.MinValue) throw Errors.Invalid($"Unable to parse '{name}'. Expecting value >= {least}, got:{shown}");
        if (!isNumber || number < least || number > most) throw Errors.Invalid($"Unable to parse '{name}', value is out of range [ {least}, {most} ], got: {shown}");
    }

    private static bool IsLongNumber(string value) => value.Length > 0 && value.AsSpan(value[0] is '-' or '+' ? 1 : 0) is { IsEmpty: false } digits && !digits.ContainsAnyExceptInRange('0', '9');

    private static InferenceException NotServed(string name) => new(StatusCode.Unsupported, $"'{name}' cannot be changed: this server writes no traces");
}
