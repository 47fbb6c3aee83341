using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Gateway.Load.Scenarios;

/// <summary>Where a server is: <c>http://localhost:8000</c>, <c>frames://localhost:8003</c>, or a whole address of a plain target.</summary>
/// <param name="Port">0 for the carrier's own.</param>
/// <param name="Path">With query; <c>/</c> where there is none.</param>
internal sealed record TargetAddress(string Scheme, string Host, int Port, string Path)
{
    /// <summary>As HTTP's <c>Host</c> has it.</summary>
    public string Authority => Host.Contains(':') ? $"[{Host}]:{Port}" : $"{Host}:{Port}";

    public override string ToString() => $"{Scheme}://{Authority}{(Path == "/" ? "" : Path)}";

    public static bool TryParse(string text, [NotNullWhen(true)] out TargetAddress? address, out string problem)
    {
        address = null;
        problem = "";
        string whole = text.Contains("://", StringComparison.Ordinal) ? text : $"http://{text}";
        if (whole.StartsWith("https://", StringComparison.OrdinalIgnoreCase) || whole.StartsWith("tls://", StringComparison.OrdinalIgnoreCase))
        {
            problem = $"'{text}': TLS is not spoken here; measure the port without it";
            return false;
        }

        if (!Uri.TryCreate(whole, UriKind.Absolute, out Uri? uri) || uri.Host.Length == 0)
        {
            problem = $"'{text}' is no address (such as http://localhost:8000 or frames://localhost:8003)";
            return false;
        }

        string rest = whole[(whole.IndexOf("://", StringComparison.Ordinal) + 3)..];
        int slash = rest.IndexOf('/');
        string authority = slash < 0 ? rest : rest[..slash];
        int colon = authority.LastIndexOf(':');
        bool hasPort = colon > authority.LastIndexOf(']') && int.TryParse(authority[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out _);
        address = new TargetAddress(uri.Scheme, uri.Host.Trim('[', ']'), hasPort ? uri.Port : 0, slash < 0 ? "/" : uri.PathAndQuery);
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
