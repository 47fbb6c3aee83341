using Gateway.Server.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace Gateway.UnitTests.Hosting;

public sealed class LogSettingsTests
{
    [Theory]
    [InlineData(0, "Gateway.Core", LogLevel.Information)]
    [InlineData(1, "Gateway.Core", LogLevel.Debug)]
    [InlineData(2, "Gateway.Core", LogLevel.Trace)]
    [InlineData(0, "Microsoft.AspNetCore", LogLevel.Warning)]
    [InlineData(1, "Microsoft.AspNetCore", LogLevel.Warning)]
    [InlineData(2, "Microsoft.AspNetCore", LogLevel.Debug)]
    public void IsEnabled_EachVerbosity_BeginsThere(int verbosity, string category, LogLevel least)
    {
        using ServiceProvider services = Services(new ServerOptions { LogVerbose = verbosity });
        ILogger logger = services.GetRequiredService<ILoggerFactory>().CreateLogger(category);

        Assert.True(logger.IsEnabled(least));
        Assert.False(logger.IsEnabled(least - 1));
    }

    [Fact]
    public void Change_WhileLoggersExist_IsSeenByThem()
    {
        using ServiceProvider services = Services(new ServerOptions());
        ILogger logger = services.GetRequiredService<ILoggerFactory>().CreateLogger("Gateway.Core");
        LogSettings settings = services.GetRequiredService<LogSettings>();
        Assert.True(logger.IsEnabled(LogLevel.Information));

        settings.LogsInformation = false;
        settings.VerboseLevel = 1;
        Assert.Equal((false, true, true), (logger.IsEnabled(LogLevel.Information), logger.IsEnabled(LogLevel.Debug), logger.IsEnabled(LogLevel.Warning)));

        settings.LogsWarnings = false;
        settings.LogsErrors = false;
        Assert.Equal((false, false), (logger.IsEnabled(LogLevel.Warning), logger.IsEnabled(LogLevel.Critical)));
    }

    [Fact]
    public void Format_Changed_ChoosesTheOtherFormatter()
    {
        using ServiceProvider services = Services(new ServerOptions { LogFormat = LogFormat.Json });
        IOptionsMonitor<ConsoleLoggerOptions> console = services.GetRequiredService<IOptionsMonitor<ConsoleLoggerOptions>>();
        LogSettings settings = services.GetRequiredService<LogSettings>();
        List<string?> seen = [console.CurrentValue.FormatterName];
        using IDisposable? watch = console.OnChange(options => seen.Add(options.FormatterName));

        foreach (LogFormat format in new[] { LogFormat.Default, LogFormat.Json, LogFormat.Iso8601 }) settings.Format = format;

        Assert.Equal(["json", "simple", "json", "simple"], seen);
    }

    private static ServiceProvider Services(ServerOptions options) => new ServiceCollection().AddLogging(logging => logging.AddGatewayLogging(options)).BuildServiceProvider();
}
