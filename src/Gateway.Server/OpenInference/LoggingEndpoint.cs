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
            Read(body.Bytes).ApplyTo(settings);
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
            json.WriteString("log_format"u8, LogChange.NameOf(settings.Format));
        });

    private static LogChange Read(ReadOnlySpan<byte> body)
    {
        LogChange change = new();
        JsonCursor cursor = new(body);
        JsonValues.BeginObject(ref cursor, "request");
        bool isFirst = true;
        while (cursor.TryNextMember(ref isFirst, out JsonString name))
        {
            cursor.Peek();
            if (!cursor.TryReadLiteral("null"u8)) change = With(change, name.ToString(), ref cursor);
        }

        cursor.ReadEnd();
        return change;
    }

    private static LogChange With(LogChange change, string name, ref JsonCursor cursor) => name switch
    {
        "log_info" => change with { Information = JsonValues.ReadBoolean(ref cursor, name) },
        "log_warning" => change with { Warnings = JsonValues.ReadBoolean(ref cursor, name) },
        "log_error" => change with { Errors = JsonValues.ReadBoolean(ref cursor, name) },
        "log_verbose_level" => change with { VerboseLevel = (int)Math.Min(JsonValues.ReadUnsigned(ref cursor, name), int.MaxValue) },
        "log_format" => change with { Format = ReadFormat(JsonValues.ReadString(ref cursor, name).ToString()) },
        "log_file" => throw new InferenceException(StatusCode.Unsupported, LogChange.NoFile),
        _ => throw Errors.Invalid($"unknown log setting '{name}'"),
    };

    private static LogFormat ReadFormat(string name) =>
        LogChange.FormatOf(name) ?? throw new InferenceException(StatusCode.Unavailable, $"invalid argument for --log_format, got: {name}");
}
