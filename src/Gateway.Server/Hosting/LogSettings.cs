using Microsoft.Extensions.Logging;

namespace Gateway.Server.Hosting;

/// <summary>What is logged, and how it looks; may be changed while the server runs.</summary>
/// <remarks><b>Threading</b>: any thread; entries that are being written keep the look that they began with.</remarks>
public sealed class LogSettings
{
    private volatile int _verboseLevel;
    private volatile int _format;
    private volatile bool _logsInformation = true;
    private volatile bool _logsWarnings = true;
    private volatile bool _logsErrors = true;

    internal LogSettings(ServerOptions options)
    {
        _verboseLevel = options.LogVerbose;
        _format = (int)options.LogFormat;
    }

    /// <summary>Is raised after <see cref="Format"/> has changed.</summary>
    internal event Action? FormatChanged;

    public bool LogsInformation
    {
        get => _logsInformation;
        set => _logsInformation = value;
    }

    public bool LogsWarnings
    {
        get => _logsWarnings;
        set => _logsWarnings = value;
    }

    public bool LogsErrors
    {
        get => _logsErrors;
        set => _logsErrors = value;
    }

    /// <summary>0 for none, 1 for detail, 2 and above for each request.</summary>
    public int VerboseLevel
    {
        get => _verboseLevel;
        set => _verboseLevel = value;
    }

    public LogFormat Format
    {
        get => (LogFormat)_format;
        set
        {
            _format = (int)value;
            FormatChanged?.Invoke();
        }
    }

    /// <summary>Whether an entry is to be written.</summary>
    internal bool IsEnabled(string? category, LogLevel level)
    {
        // What the web server and the proxy say of each connection and request is detail of detail.
        bool isForeign = category is not null && (category.StartsWith("Microsoft", StringComparison.Ordinal) || category.StartsWith("Yarp", StringComparison.Ordinal));
        return level switch
        {
            LogLevel.Trace => _verboseLevel >= 2 && !isForeign,
            LogLevel.Debug => _verboseLevel >= (isForeign ? 2 : 1),
            LogLevel.Information => _logsInformation && (!isForeign || _verboseLevel >= 2),
            LogLevel.Warning => _logsWarnings && (_verboseLevel >= 2 || category != "Yarp.ReverseProxy.Forwarder.HttpForwarder"),
            LogLevel.Error or LogLevel.Critical => _logsErrors,
            _ => false,
        };
    }
}
