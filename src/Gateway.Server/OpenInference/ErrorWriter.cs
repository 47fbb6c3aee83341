using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Gateway.Core.Scheduling;
using Gateway.Protocol;
using Gateway.Server.Overflow;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.OpenInference;

/// <summary>Writes the protocol's error answers: a status and <c>{"error":"…"}</c>.</summary>
internal static class ErrorWriter
{
    // Names and texts are for people and never end up in HTML.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The HTTP status that stands for an outcome, as in Triton.</summary>
    public static int HttpStatus(StatusCode status) => status switch
    {
        StatusCode.Ok => StatusCodes.Status200OK,
        StatusCode.NotFound => StatusCodes.Status404NotFound,
        StatusCode.Unauthenticated => StatusCodes.Status401Unauthorized,
        StatusCode.PermissionDenied => StatusCodes.Status403Forbidden,
        StatusCode.ResourceExhausted => StatusCodes.Status429TooManyRequests,
        StatusCode.Internal => StatusCodes.Status500InternalServerError,
        StatusCode.Unsupported => StatusCodes.Status501NotImplemented,
        StatusCode.Unavailable => StatusCodes.Status503ServiceUnavailable,
        _ => StatusCodes.Status400BadRequest,
    };

    public static void Write(HttpContext context, StatusCode status, string text)
    {
        if (status == StatusCode.Unauthenticated) context.Response.Headers.WWWAuthenticate = "Bearer";
        Write(context, HttpStatus(status), text);
    }

    public static void Write(HttpContext context, int httpStatus, string text)
    {
        ArrayBufferWriter<byte> body = new();
        using (Utf8JsonWriter json = new(body, Options))
        {
            json.WriteStartObject();
            json.WriteString("error"u8, text);
            json.WriteEndObject();
        }

        WriteJson(context, httpStatus, body.WrittenSpan);
    }

    /// <summary>Answers a call that is refused, with why, and when to come back; but where it may be served elsewhere, who sees to that is told instead.</summary>
    /// <param name="reason">As on the wire; null for none.</param>
    /// <param name="timeoutMicroseconds">The time that the request itself gives; 0 for none, or while it has not been read.</param>
    public static void WriteRefusal(HttpContext context, StatusCode status, string? reason, TimeSpan? after, string text, long timeoutMicroseconds = 0)
    {
        if (status == StatusCode.Unavailable && OverflowCall.TakesOver(context, reason, after, text, timeoutMicroseconds)) return;
        AddRefusal(context, reason, after);
        Write(context, status, text);
    }

    /// <summary>Tells a refused client why, and when to come back.</summary>
    public static void AddRefusal(HttpContext context, RefusalReason reason, TimeSpan? after) => AddRefusal(context, reason.WireName(), after);

    /// <param name="reason">As on the wire; null for none.</param>
    public static void AddRefusal(HttpContext context, string? reason, TimeSpan? after)
    {
        if (reason is not null) context.Response.Headers["Inference-Refusal"] = reason;
        AddRetryAfter(context, after);
    }

    public static void WriteJson(HttpContext context, int httpStatus, ReadOnlySpan<byte> json)
    {
        HttpResponse response = context.Response;
        response.StatusCode = httpStatus;
        response.ContentType = "application/json";
        response.ContentLength = json.Length;
        response.BodyWriter.Write(json);
    }

    /// <summary>Tells a refused client when to come back: in seconds, of which one is the least that the standard header can say, and in milliseconds where that is known.</summary>
    private static void AddRetryAfter(HttpContext context, TimeSpan? after)
    {
        IHeaderDictionary headers = context.Response.Headers;
        headers.RetryAfter = after > TimeSpan.FromSeconds(1) ? Math.Ceiling(after.Value.TotalSeconds).ToString(CultureInfo.InvariantCulture) : "1";
        if (after is { } time) headers["Retry-After-Ms"] = Math.Ceiling(time.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
    }
}
