using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace Gateway.Server.Remote;

/// <summary>What went wrong, told from what HTTP says of it.</summary>
internal static class UpstreamErrors
{
    // Longest piece of an upstream's text that is passed on, in characters.
    private const int MostText = 512;

    /// <summary>The failure that a status means.</summary>
    public static UpstreamException OfStatus(HttpStatusCode status, ReadOnlySpan<byte> body)
    {
        UpstreamFailure failure = (int)status switch
        {
            502 or 504 => UpstreamFailure.BadGateway,
            401 or 403 or 404 or 405 or 429 or 503 => UpstreamFailure.Refused,
            413 => UpstreamFailure.BatchTooLarge,
            >= 400 and < 500 => UpstreamFailure.Invalid,
            >= 500 => UpstreamFailure.Failed,
            _ => UpstreamFailure.Garbage,
        };

        // What the model says of its inputs is for who sent them, as it is.
        string? text = TextOf(body);
        return failure is UpstreamFailure.Invalid or UpstreamFailure.Failed && text is not null
            ? new UpstreamException(failure, text)
            : new UpstreamException(failure, $"the server that runs the model answered {(int)status}{(text is null ? "" : ": ")}{text}");
    }

    /// <summary>The failure that a status of gRPC means.</summary>
    public static UpstreamException OfGrpc(int status, string text)
    {
        const int Unknown = 2, InvalidArgument = 3, FailedPrecondition = 9, OutOfRange = 11, Internal = 13, DataLoss = 15, ResourceExhausted = 8;
        UpstreamFailure failure = status switch
        {
            InvalidArgument or FailedPrecondition or OutOfRange => UpstreamFailure.Invalid,
            Unknown or Internal or DataLoss => UpstreamFailure.Failed,

            // What all of gRPC's own servers say of a message over their limit.
            ResourceExhausted when text.Contains("larger than max", StringComparison.OrdinalIgnoreCase) => UpstreamFailure.BatchTooLarge,
            _ => UpstreamFailure.Refused,
        };
        text = Shorten(text);
        return failure is UpstreamFailure.Invalid or UpstreamFailure.Failed && text.Length > 0
            ? new UpstreamException(failure, text)
            : new UpstreamException(failure, $"the server that runs the model answered with gRPC status {status}{(text.Length == 0 ? "" : ": ")}{text}");
    }

    /// <summary>The failure that ended an attempt before anything was answered.</summary>
    public static UpstreamException OfRequest(HttpRequestException error) => error.HttpRequestError switch
    {
        HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError or HttpRequestError.SecureConnectionError or HttpRequestError.ProxyTunnelError =>
            new UpstreamException(UpstreamFailure.Connect, $"the server that runs the model cannot be reached: {ReasonOf(error)}", error),
        HttpRequestError.InvalidResponse or HttpRequestError.ConfigurationLimitExceeded or HttpRequestError.VersionNegotiationError =>
            new UpstreamException(UpstreamFailure.Garbage, "the server that runs the model answered with what is not HTTP", error),
        _ => new UpstreamException(UpstreamFailure.Broken, "the server that runs the model ended the connection without an answer", error),
    };

    /// <summary>The upstream's own words: its <c>error</c>, in the Open Inference Protocol's form.</summary>
    /// <returns>Null when there are none.</returns>
    public static string? TextOf(ReadOnlySpan<byte> body)
    {
        try
        {
            Utf8JsonReader json = new(body);
            if (!json.Read() || json.TokenType != JsonTokenType.StartObject) return null;
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                bool isError = json.ValueTextEquals("error"u8);
                json.Read();
                if (isError && json.TokenType == JsonTokenType.String) return Shorten(json.GetString()!);
                json.Skip();
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // Then the status must do.
        }

        return null;
    }

    // Without the address, which the messages of exceptions have at their end: it is nobody's business who sends requests.
    private static string ReasonOf(HttpRequestException error) => error switch
    {
        { InnerException: SocketException socket } => socket.Message,
        { HttpRequestError: HttpRequestError.SecureConnectionError } => "no secure connection could be made",
        { HttpRequestError: HttpRequestError.NameResolutionError } => "its name cannot be resolved",
        _ => "no connection could be made",
    };

    private static string Shorten(string text) => text.Length <= MostText ? text : string.Concat(text.AsSpan(0, MostText), "...");
}
