namespace Gateway.Server.Hosting;

/// <summary>How a log entry looks on standard error.</summary>
public enum LogFormat
{
    /// <summary>One line: time in UTC, level, category, text.</summary>
    Default,

    /// <summary>The same: its times are in this form anyway.</summary>
    Iso8601,

    /// <summary>One JSON object a line, with the values of the message by name.</summary>
    Json,
}
