using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Gateway.Load.Sockets;

/// <summary>How the null server's connections are encrypted: with a certificate made for the occasion.</summary>
internal sealed class TlsServer
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(1);

    private readonly SslServerAuthenticationOptions _options;

    private TlsServer(SslServerAuthenticationOptions options) => _options = options;

    /// <param name="protocol">What it offers (ALPN); null for nothing.</param>
    public static TlsServer Create(string? protocol)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=localhost", key, HashAlgorithmName.SHA256);
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        SslServerAuthenticationOptions options = new() { ServerCertificate = request.CreateSelfSigned(now - Lifetime, now + Lifetime) };
        if (protocol is not null) options.ApplicationProtocols = [new SslApplicationProtocol(protocol)];
        return new TlsServer(options);
    }

    public TlsChannel Begin() => new(_options);
}
