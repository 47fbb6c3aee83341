using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Gateway.Load.Scenarios;

/// <summary>Where a server is: <c>http://localhost:8000</c>, <c>frames://localhost:8003</c>, <c>grpc://localhost:8001</c>, with TLS <c>https://</c>, <c>tls://</c> and <c>grpcs://</c>, or a whole address of a plain target.</summary>
/// <param name="Scheme">Of the carrier, without TLS.</param>
/// <param name="Port">0 for the carrier's own.</param>
/// <param name="Path">With query; <c>/</c> where there is none.</param>
internal sealed record TargetAddress(string Scheme, string Host, int Port, string Path, bool IsTls = false)
{
    // Each scheme with TLS, and what it is without.
    private static readonly (string Secure, string Plain)[] Schemes = [("https", "http"), ("tls", "frames"), ("grpcs", "grpc")];

    /// <summary>As HTTP's <c>Host</c> has it.</summary>
    public string Authority => Host.Contains(':') ? $"[{Host}]:{Port}" : $"{Host}:{Port}";

    /// <summary>For people: without the values of its query.</summary>
    public override string ToString() => $"{(IsTls ? Schemes.First(each => each.Plain == Scheme).Secure : Scheme)}://{Authority}{(Path == "/" ? "" : QueryText.WithoutValues(Path))}";

    public static bool TryParse(string text, [NotNullWhen(true)] out TargetAddress? address, out string problem)
    {
        address = null;
        problem = "";
        string whole = text.Contains("://", StringComparison.Ordinal) ? text : $"http://{text}";
        if (!Uri.TryCreate(whole, UriKind.Absolute, out Uri? uri) || uri.Host.Length == 0)
        {
            problem = $"'{text}' is no address (such as http://localhost:8000, frames://localhost:8003 or grpc://localhost:8001)";
            return false;
        }

        string rest = whole[(whole.IndexOf("://", StringComparison.Ordinal) + 3)..];
        int slash = rest.IndexOf('/');
        string authority = slash < 0 ? rest : rest[..slash];
        int colon = authority.LastIndexOf(':');
        bool hasPort = colon > authority.LastIndexOf(']') && int.TryParse(authority[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out _);
        string? plain = Schemes.FirstOrDefault(each => each.Secure == uri.Scheme).Plain;
        address = new TargetAddress(plain ?? uri.Scheme, uri.Host.Trim('[', ']'), hasPort ? uri.Port : 0, slash < 0 ? "/" : uri.PathAndQuery, plain is not null);
        return true;
    }

    /// <exception cref="LoadException">The name is not known.</exception>
    public IPEndPoint Resolve()
    {
        if (IPAddress.TryParse(Host, out IPAddress? literal)) return new IPEndPoint(literal, Port);
        try
        {
            IPAddress[] found = Dns.GetHostAddresses(Host);
            IPAddress? address = found.FirstOrDefault(each => each.AddressFamily == AddressFamily.InterNetwork) ?? found.FirstOrDefault();
            if (address is not null) return new IPEndPoint(address, Port);
        }
        catch (SocketException)
        {
            // Said below.
        }

        throw new LoadException(ExitCode.CannotStart, $"{this}: the name '{Host}' is not known");
    }
}
