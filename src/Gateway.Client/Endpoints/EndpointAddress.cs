using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;

namespace Gateway.Client.Endpoints;

/// <summary>Where a server is, and which carrier it speaks there.</summary>
internal sealed class EndpointAddress
{
    /// <summary>What the forms are, for messages.</summary>
    public const string Forms = "host:port, frames://host:port, tls://host:port, unix:/path, http://host:port, https://host:port";

    // Where servers serve frames unless told otherwise.
    private const int FramesPort = 8003;

    private readonly string _text;

    private EndpointAddress(string text) => _text = text;

    /// <summary>Of frames; null for HTTP.</summary>
    public EndPoint? EndPoint { get; private init; }

    /// <summary>The name that the server's certificate is to have; null for frames without TLS, and for HTTP.</summary>
    public string? TlsHost { get; private init; }

    /// <summary>Of HTTP; null for frames.</summary>
    public Uri? Http { get; private init; }

    public static EndpointAddress Parse(string text) => TryParse(text, out EndpointAddress? address) ? address : throw new FormatException($"'{text}' is no address.");

    public static bool TryParse(string? text, [NotNullWhen(true)] out EndpointAddress? address)
    {
        address = null;
        if (string.IsNullOrWhiteSpace(text)) return false;
        if (text.StartsWith("unix:", StringComparison.OrdinalIgnoreCase))
        {
            string path = text["unix:".Length..];
            if (path.StartsWith("//", StringComparison.Ordinal)) path = path[2..];
            if (path.Length == 0 || path.Length > 107) return false;
            address = new EndpointAddress(text) { EndPoint = new UnixDomainSocketEndPoint(path) };
            return true;
        }

        bool hasScheme = text.Contains("://", StringComparison.Ordinal);
        if (!Uri.TryCreate(hasScheme ? text : $"frames://{text}", UriKind.Absolute, out Uri? uri) || uri.Host.Length == 0) return false;
        if (uri.Scheme is "http" or "https")
        {
            address = new EndpointAddress(text) { Http = uri };
            return true;
        }

        // Without a scheme the port is what tells an address from a word.
        int port = hasScheme && uri.Port < 0 ? FramesPort : uri.Port;
        if (uri.Scheme is not ("frames" or "tls") || port <= 0 || uri.PathAndQuery is not ("" or "/")) return false;
        string host = uri.Host.Trim('[', ']');
        EndPoint endPoint = IPAddress.TryParse(host, out IPAddress? ip) ? new IPEndPoint(ip, port) : new DnsEndPoint(host, port);
        address = new EndpointAddress(text) { EndPoint = endPoint, TlsHost = uri.Scheme == "tls" ? host : null };
        return true;
    }

    /// <summary>A socket to connect to it.</summary>
    public Socket CreateSocket()
    {
        if (EndPoint is UnixDomainSocketEndPoint) return new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        return EndPoint is IPEndPoint ip
            ? new Socket(ip.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true }
            : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    }

    public override string ToString() => _text;
}
