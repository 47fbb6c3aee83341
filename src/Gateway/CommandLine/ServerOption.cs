using System.CommandLine;
using Gateway.Server.Hosting;

namespace Gateway.CommandLine;

/// <summary>The flag of commands that are clients of a running server: where it serves HTTP.</summary>
internal static class ServerOption
{
    public static Option<string> Create() => new("--server") { Description = "Where the gateway serves HTTP. Default: http://localhost:8000.", HelpName = "URL", DefaultValueFactory = static _ => "http://localhost:8000" };

    /// <exception cref="StartupException">It is no address.</exception>
    public static Uri Read(ParseResult parsed, Option<string> option)
    {
        string server = parsed.GetValue(option)!;
        return Uri.TryCreate(server, UriKind.Absolute, out Uri? address) && address.Scheme is ("http" or "https") ? address : throw new StartupException($"--server: '{server}' is not valid (allowed http://HOST:PORT or https://HOST:PORT)");
    }
}
