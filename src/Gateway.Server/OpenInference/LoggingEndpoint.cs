using Gateway.Core.Memory;
using Gateway.Protocol;
using Gateway.Server.Hosting;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.OpenInference;

/// <summary>The logging extension: reads and changes <see cref="LogSettings"/>.</summary>
internal sealed class LoggingEndpoint(LogSettings? settings, BlockPool pool)
{
    private const int MostBytes = 64 * 1024;

    public async Task HandleAsync(HttpContext context)
    {
        if (settings is null) throw new InferenceException(StatusCode.Unsupported, "log settings cannot be changed on this server");
        if (HttpMethods.IsPost(context.Request.Method))
        {
            using WholeBody body = await WholeBody.ReadAsync(context, pool, MostBytes).ConfigureAwait(false);
            Change.Read(body.Bytes).ApplyTo(settings);
        }

        Write(context, settings);
    }

    private static void Write(HttpContext context, LogSettings settings) =>
        MetadataWriter.Write(context, settings, static (json, settings) =>
        {
            json.WriteString("log_file"u8, "");
            json.WriteBoolean("log_info"u8, settings.LogsInformation);
            json.WriteBoolean("log_warning"u8, settings.LogsWarnings);
            json.WriteBoolean("log_error"u8, settings.LogsErrors);
            json.WriteNumber("log_verbose_level"u8, settings.VerboseLevel);
            json.WriteString("log_format"u8, NameOf(settings.Format));
        });

    private static string NameOf(LogFormat format) => format switch
    {
        LogFormat.Iso8601 => "ISO8601",
        LogFormat.Json => "json",
        _ => "default",
    };

    /// <summary>What a call changes; read as a whole before any of it is applied.</summary>
    private sealed record Change(bool? Information, bool? Warnings, bool? Errors, int? VerboseLevel, LogFormat? Format)
    {
        public static Change Read(ReadOnlySpan<byte> body)
        {
            Change change = new(null, null, null, null, null);
            JsonCursor cursor = new(body);
            JsonValues.BeginObject(ref cursor, "request");
            bool isFirst = true;
            while (cursor.TryNextMember(ref isFirst, out JsonString name))
            {
                cursor.Peek();
                if (!cursor.TryReadLiteral("null"u8)) change = change.With(name.ToString(), ref cursor);
            }

            cursor.ReadEnd();
            return change;
        }

        public void ApplyTo(LogSettings settings)
        {
            settings.LogsInformation = Information ?? settings.LogsInformation;
            settings.LogsWarnings = Warnings ?? settings.LogsWarnings;
            settings.LogsErrors = Errors ?? settings.LogsErrors;
            settings.VerboseLevel = VerboseLevel ?? settings.VerboseLevel;
            if (Format is { } format) settings.Format = format;
        }

        private Change With(string name, ref JsonCursor cursor) => name switch
        {
            "log_info" => this with { Information = JsonValues.ReadBoolean(ref cursor, name) },
            "log_warning" => this with { Warnings = JsonValues.ReadBoolean(ref cursor, name) },
            "log_error" => this with { Errors = JsonValues.ReadBoolean(ref cursor, name) },
            "log_verbose_level" => this with { VerboseLevel = (int)Math.Min(JsonValues.ReadUnsigned(ref cursor, name), int.MaxValue) },
            "log_format" => this with { Format = ReadFormat(JsonValues.ReadString(ref cursor, name).ToString()) },
            "log_file" => throw new InferenceException(StatusCode.Unsupported, "log file location can not be updated through network protocol"),
            _ => throw OpenInference.Errors.Invalid($"unknown log setting '{name}'"),
        };

        private static LogFormat ReadFormat(string name) => name switch
        {
            "default" => LogFormat.Default,
            "ISO8601" => LogFormat.Iso8601,
            "json" => LogFormat.Json,
            _ => throw new InferenceException(StatusCode.Unavailable, $"invalid argument for --log_format, got: {name}"),
        };
    }
}
