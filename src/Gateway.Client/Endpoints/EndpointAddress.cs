using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;

namespace Gateway.Client.Endpoints;

/// <summary>Where a server is, and which carrier it speaks there.</summary>
internal sealed class EndpointAddress
{
    private readonly string _text;

    private EndpointAddress(string text) => _text = text;

    /// <summary>Of frames; null for HTTP.</summary>
    public EndPoint? EndPoint { get; private init; }

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

        if (uri.Scheme != "frames" || uri.Port is <= 0 || uri.PathAndQuery is not ("" or "/")) return false;
        EndPoint endPoint = IPAddress.TryParse(uri.Host.Trim('[', ']'), out IPAddress? ip) ? new IPEndPoint(ip, uri.Port) : new DnsEndPoint(uri.Host, uri.Port);
        address = new EndpointAddress(text) { EndPoint = endPoint };
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
