using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace Gateway.Server.Hosting;

/// <summary>Sends logs to standard error, so that standard output is left to what the user asked for.</summary>
public static class LogOutput
{
    public static void AddGatewayLogging(this ILoggingBuilder logging, ServerOptions options)
    {
        LogSettings settings = new(options);
        logging.ClearProviders();

        // The settings decide anew for each entry; what is fixed here would be so for good.
        logging.SetMinimumLevel(LogLevel.Trace);
        logging.AddFilter(settings.IsEnabled);

        // With this category on, hosting makes an activity and a log scope for each request, whoever listens.
        logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);

        // A port in use and its like are reported in one line by whoever started the server.
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        const string Timestamp = "yyyy-MM-ddTHH:mm:ss.fffZ";
        logging.AddJsonConsole(line =>
        {
            line.UseUtcTimestamp = true;
            line.TimestampFormat = Timestamp;
        });
        logging.AddSimpleConsole(line =>
        {
            line.SingleLine = true;
            line.UseUtcTimestamp = true;
            line.TimestampFormat = Timestamp + " ";
        });

        // After the two, each of which would have itself chosen.
        logging.Services
            .AddSingleton(settings)
            .AddSingleton<LogFormatSource>()
            .AddSingleton<IConfigureOptions<ConsoleLoggerOptions>>(provider => provider.GetRequiredService<LogFormatSource>())
            .AddSingleton<IOptionsChangeTokenSource<ConsoleLoggerOptions>>(provider => provider.GetRequiredService<LogFormatSource>());
    }
}
