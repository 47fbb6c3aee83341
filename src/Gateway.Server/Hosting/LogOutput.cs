using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Gateway.Server.Hosting;

/// <summary>Sends logs to standard error, so that standard output is left to what the user asked for.</summary>
public static class LogOutput
{
    public static void AddGatewayLogging(this ILoggingBuilder logging, ServerOptions options)
    {
        logging.ClearProviders();
        logging.SetMinimumLevel(options.LogVerbose switch { 0 => LogLevel.Information, 1 => LogLevel.Debug, _ => LogLevel.Trace });
        logging.AddFilter("Microsoft", options.LogVerbose < 2 ? LogLevel.Warning : LogLevel.Debug);

        // With this category on, hosting makes an activity and a log scope for each request, whoever listens.
        logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);

        // A port in use and its like are reported in one line by whoever started the server.
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        const string Timestamp = "yyyy-MM-ddTHH:mm:ss.fffZ";
        if (options.LogFormat == LogFormat.Json)
        {
            logging.AddJsonConsole(line =>
            {
                line.UseUtcTimestamp = true;
                line.TimestampFormat = Timestamp;
            });
        }
        else
        {
            logging.AddSimpleConsole(line =>
            {
                line.SingleLine = true;
                line.UseUtcTimestamp = true;
                line.TimestampFormat = Timestamp + " ";
            });
        }
    }
}
