using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Gateway.Server.Overflow.Forwarding;

/// <summary>Gives a client an answer of events piece by piece, as it comes, where others are held until they are there as a whole.</summary>
/// <remarks><b>Behaviour</b>: with the first piece the answer is that replica's, whatever becomes of it; until then the call may still go elsewhere. <b>Threading</b>: one at a time.</remarks>
/// <param name="client">The call over HTTP that it answers.</param>
internal sealed class PassedAnswer(HttpContext client)
{
    private const string EventStream = "text/event-stream";

    /// <summary>Whether the client has something of it, or will have.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>Whether an answer is one of events.</summary>
    public static bool IsOfEvents(int status, IHeaderDictionary headers) => status == StatusCodes.Status200OK && headers.ContentType.ToString().StartsWith(EventStream, StringComparison.OrdinalIgnoreCase);

    /// <summary>Begins with an answer's status and headers.</summary>
    public void Begin(int status, IHeaderDictionary headers, string servedBy)
    {
        HasBegun = true;
        WriteHead(client.Response, status, headers, servedBy);
        client.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
    }

    /// <summary>Sends the client a piece, and waits until it takes it.</summary>
    /// <exception cref="IOException">The client has gone.</exception>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> piece, CancellationToken cancellation) => await client.Response.BodyWriter.WriteAsync(piece, cancellation).ConfigureAwait(false);

    /// <summary>Ends it where its replica has not: the client sees that something is missing.</summary>
    public void Break() => client.Abort();

    /// <summary>Writes what comes before the body of a replica's answer.</summary>
    public static void WriteHead(HttpResponse response, int status, IHeaderDictionary headers, string servedBy)
    {
        response.StatusCode = status;
        foreach (var header in headers) response.Headers[header.Key] = header.Value;
        response.Headers.Remove(OverflowHeaders.Load);
        response.Headers[OverflowHeaders.ServedBy] = servedBy;

        // Of what is generated as a stream the length is not said, as nobody here says it, be it one event.
        if (IsOfEvents(StatusCodes.Status200OK, headers)) response.ContentLength = null;
    }
}
