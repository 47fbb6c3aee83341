using Gateway.Protocol;

namespace Gateway.Server.OpenInference;

/// <summary>The settings of the trace extension, of a server that writes no traces: says so, and refuses by name what would have one written.</summary>
/// <remarks>What changes nothing is taken: the values that are.</remarks>
internal static class TraceSettings
{
    public const string Level = "trace_level";
    private const string TraceFile = "trace_file";

    /// <summary>All settings in Triton's order.</summary>
    public static readonly (string Name, string Value)[] All =
    [
        (Level, "OFF"), ("trace_rate", "1000"), ("trace_count", "-1"), ("log_frequency", "0"), (TraceFile, ""), ("trace_mode", "triton"),
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
        if (name != "trace_mode" && !long.TryParse(value, out _)) throw Errors.Invalid($"Unable to parse '{name}', got: {(value.Length > 64 ? value[..64] : value)}");
        throw NotServed(name);
    }

    private static InferenceException NotServed(string name) => new(StatusCode.Unsupported, $"'{name}' cannot be changed: this server writes no traces");
}
