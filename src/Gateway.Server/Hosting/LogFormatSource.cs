using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Gateway.Server.Hosting;

/// <summary>Has the console logger look at <see cref="LogSettings.Format"/> again when it changes.</summary>
internal sealed class LogFormatSource : IOptionsChangeTokenSource<ConsoleLoggerOptions>, IConfigureOptions<ConsoleLoggerOptions>, IDisposable
{
    private readonly LogSettings _settings;
    private CancellationTokenSource _changed = new();

    public LogFormatSource(LogSettings settings)
    {
        _settings = settings;
        settings.FormatChanged += OnChanged;
    }

    public string Name => Options.DefaultName;

    public IChangeToken GetChangeToken() => new CancellationChangeToken(Volatile.Read(ref _changed).Token);

    public void Configure(ConsoleLoggerOptions options)
    {
        options.LogToStandardErrorThreshold = Microsoft.Extensions.Logging.LogLevel.Trace;
        options.FormatterName = _settings.Format == LogFormat.Json ? ConsoleFormatterNames.Json : ConsoleFormatterNames.Simple;
    }

    public void Dispose() => _settings.FormatChanged -= OnChanged;

    private void OnChanged() => Interlocked.Exchange(ref _changed, new CancellationTokenSource()).Cancel();
}
