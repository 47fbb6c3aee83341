using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Gateway.Core.Scheduling;
using Gateway.Protocol;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.OpenInference;

/// <summary>Writes the protocol's error answers: a status and <c>{"error":"…"}</c>.</summary>
internal static class ErrorWriter
{
    // Names and texts are for people and never end up in HTML.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // A few milliseconds are what most refused ones are to wait.
    private static readonly string[] Numbers = [.. Enumerable.Range(0, 1024).Select(number => number.ToString(CultureInfo.InvariantCulture))];

    // Errors come by the hundred thousand a second in an overload: what writes them is made once a thread.
    private const int MostKeptBytes = 16 * 1024;

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? _body;

    [ThreadStatic]
    private static Utf8JsonWriter? _json;

    private static ReadOnlySpan<byte> Begin => "{\"error\":\""u8;

    private static ReadOnlySpan<byte> End => "\"}"u8;

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
        StatusCode.NotCached => StatusCodes.Status504GatewayTimeout,
        _ => StatusCodes.Status400BadRequest,
    };

    public static void Write(HttpContext context, StatusCode status, string text)
    {
        if (status == StatusCode.Unauthenticated) context.Response.Headers.WWWAuthenticate = "Bearer";
        Write(context, HttpStatus(status), text);
    }

    public static void Write(HttpContext context, int httpStatus, string text)
    {
        ArrayBufferWriter<byte> body = _body ??= new ArrayBufferWriter<byte>();
        Utf8JsonWriter json = _json ??= new Utf8JsonWriter(body, Options);
        body.ResetWrittenCount();
        json.Reset(body);
        json.WriteStartObject();
        json.WriteString("error"u8, text);
        json.WriteEndObject();
        json.Flush();
        WriteJson(context, httpStatus, body.WrittenSpan);

        // Not for the sake of one long text.
        if (body.Capacity > MostKeptBytes) (_body, _json) = (null, null);
    }

    /// <summary>Answers a call that is refused before its body is read: of those, an overload brings the most. Nothing is made for it but what the server keeps of headers.</summary>
    public static void WriteRefusal(HttpContext context, in EarlyRefusal refusal)
    {
        AddRefusal(context, refusal.Reason, refusal.RetryAfter);

        // Nothing in such a text needs escaping.
        Span<byte> json = stackalloc byte[RefusalText.MostBytes + 16];
        Begin.CopyTo(json);
        int length = Begin.Length + refusal.Text.Write(json[Begin.Length..]);
        End.CopyTo(json[length..]);
        WriteJson(context, HttpStatus(StatusCode.Unavailable), json[..(length + End.Length)]);
    }

    /// <summary>Answers a call that is refused, with why, and when to come back.</summary>
    /// <param name="reason">As on the wire; null for none.</param>
    public static void WriteRefusal(HttpContext context, StatusCode status, string? reason, TimeSpan? after, string text)
    {
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
        headers.RetryAfter = after > TimeSpan.FromSeconds(1) ? Number(Math.Ceiling(after.Value.TotalSeconds)) : Numbers[1];
        if (after is { } time) headers["Retry-After-Ms"] = Number(Math.Ceiling(time.TotalMilliseconds));
    }

    private static string Number(double whole) => whole >= 0 && whole < Numbers.Length ? Numbers[(int)whole] : whole.ToString(CultureInfo.InvariantCulture);
}
