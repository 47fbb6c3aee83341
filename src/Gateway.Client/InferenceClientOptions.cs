using System.Net.Security;

namespace Gateway.Client;

/// <summary>Settings of an <see cref="InferenceClient"/>; read once, when the client is made.</summary>
public sealed class InferenceClientOptions
{
    /// <summary>
    /// Servers that serve the same models, at least one: <c>host:port</c> or <c>frames://host:port</c> for frames over TCP, <c>tls://host:port</c> for frames over TLS,
    /// <c>unix:/path</c> for frames over a Unix domain socket, <c>http://host:port</c> or <c>https://host:port</c> for HTTP. With a scheme, the port of frames is 8003
    /// where none is said. Calls go to the one of two chosen at random that has fewer in flight.
    /// </summary>
    public IList<string> Endpoints { get; } = [];

    /// <summary>Connections to each endpoint of frames, 1 to 64. One carries hundreds of thousands of calls a second; more pay when its reading loop fills a core. HTTP opens what it needs.</summary>
    public int ConnectionsPerEndpoint { get; set; } = 1;

    /// <summary>Most calls in flight on one connection, 1 to 65,535; null leaves it to the server. Calls beyond it wait in the client, in order.</summary>
    public int? Window { get; set; }

    /// <summary>The server's access token or a tenant's API key: shown in the hello, and over HTTP as a bearer token; null for a server that asks for none.</summary>
    public string? AccessToken { get; set; }

    /// <summary>Name of the tenant that calls are made for, 1 to 128 visible ASCII characters, for servers that trust it; null to say none. An API key says it by itself.</summary>
    public string? Tenant { get; set; }

    /// <summary>
    /// Changes how TLS is spoken, for <c>tls://</c> and <c>https://</c>: which certificates are trusted, which one the client shows. Called once for each such endpoint
    /// when the client is made. Null for the framework's defaults: the server's certificate must be of its host and of an authority that this machine trusts.
    /// </summary>
    public Action<SslClientAuthenticationOptions>? ConfigureTls { get; set; }

    /// <summary>Name of this client for the server's log.</summary>
    public string ClientName { get; set; } = "Gateway.Client";

    /// <summary>
    /// Time for a call where its request says none, waiting and retries included. It bounds the call here and is told to the server.
    /// <see cref="System.Threading.Timeout.InfiniteTimeSpan"/> for calls that may take for ever.
    /// </summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Time for connecting, TLS's handshake and the server's hello. Less than the default <see cref="Timeout"/>, so that another endpoint can still be tried.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Silence after which a ping is sent, and time in which a message that began must have come; longer ones need come at only 32 KiB/s on the whole. Well below the
    /// 130 s after which servers close silent connections; infinite for neither.
    /// </summary>
    public TimeSpan KeepAliveInterval { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a ping may stay without any byte from the server before the connection is given up.</summary>
    public TimeSpan KeepAliveTimeout { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>Pause before connecting again to an endpoint that failed: doubled with each failure in a row up to <see cref="MaxReconnectDelay"/>, half of it random.</summary>
    public TimeSpan ReconnectDelay { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Longest pause before connecting again. An endpoint gets no calls meanwhile while another one is there.</summary>
    public TimeSpan MaxReconnectDelay { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Most attempts at one call, the first included; 1 for no retries. Only what certainly did not run is tried again: see <see cref="RetryUnanswered"/>.</summary>
    public int MaxAttempts { get; set; } = 4;

    /// <summary>Pause before the second attempt, doubled with each, with jitter. What the server asks for (<c>retry_after_ms</c>) goes before it.</summary>
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// Whether calls are tried again that were sent and whose connection then broke: they may have run. Safe where running a model twice does no harm, as usual
    /// for inference; off because only the caller knows.
    /// </summary>
    public bool RetryUnanswered { get; set; }

    /// <summary>Longest answer, in bytes: bounds what a broken server can make the client allocate.</summary>
    public int MaxAnswerBytes { get; set; } = 64 << 20;

    /// <summary>Bytes of requests that may wait to be sent on one connection before further calls wait instead; one request may exceed it alone.</summary>
    public int MaxQueuedBytes { get; set; } = 1 << 20;

    /// <summary>The clock of deadlines, pauses and pings.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;
}
