using System.Net.Security;
using Gateway.Load.Scenarios;

namespace Gateway.Load.Sockets;

/// <summary>How a client's connections are encrypted.</summary>
internal sealed class TlsClient
{
    private readonly SslClientAuthenticationOptions _options;

    private TlsClient(SslClientAuthenticationOptions options) => _options = options;

    /// <param name="isOwnServer">Whether the server is this program's own, whose certificate nobody has signed.</param>
    /// <returns>Null where the target has no TLS.</returns>
    public static TlsClient? For(ScenarioPlan plan, bool isOwnServer) =>
        plan.Target.IsTls ? new TlsClient(Options(plan.Target.Host, plan.Carrier.TlsProtocol, plan.IsInsecure || isOwnServer)) : null;

    public TlsChannel Begin() => new(_options);

    private static SslClientAuthenticationOptions Options(string host, string? protocol, bool isInsecure)
    {
        SslClientAuthenticationOptions options = new() { TargetHost = host };
        if (protocol is not null) options.ApplicationProtocols = [new SslApplicationProtocol(protocol)];
#pragma warning disable CA5359 // What --insecure asks for.
        if (isInsecure) options.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359
        return options;
    }
}
