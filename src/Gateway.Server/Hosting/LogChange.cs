namespace Gateway.Server.Hosting;

/// <summary>What a call changes of <see cref="LogSettings"/>, whatever its protocol; put together as a whole before any of it is applied. Null leaves a setting as it is.</summary>
internal sealed record LogChange(bool? Information = null, bool? Warnings = null, bool? Errors = null, int? VerboseLevel = null, LogFormat? Format = null)
{
    /// <summary>What whoever names a file is told; the text is Triton's.</summary>
    public const string NoFile = "log file location can not be updated through network protocol";

    public void ApplyTo(LogSettings settings)
    {
        settings.LogsInformation = Information ?? settings.LogsInformation;
        settings.LogsWarnings = Warnings ?? settings.LogsWarnings;
        settings.LogsErrors = Errors ?? settings.LogsErrors;
        settings.VerboseLevel = VerboseLevel ?? settings.VerboseLevel;
        if (Format is { } format) settings.Format = format;
    }

    /// <summary>A format as protocols spell it.</summary>
    public static string NameOf(LogFormat format) => format switch
    {
        LogFormat.Iso8601 => "ISO8601",
        LogFormat.Json => "json",
        _ => "default",
    };

    /// <returns>Null for what is no format.</returns>
    public static LogFormat? FormatOf(string name) => name switch
    {
        "default" => LogFormat.Default,
        "ISO8601" => LogFormat.Iso8601,
        "json" => LogFormat.Json,
        _ => null,
    };
}
