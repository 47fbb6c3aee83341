using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Gateway.UnitTests.Client;

/// <summary>A certificate for <c>localhost</c> of an authority that no machine knows.</summary>
internal sealed class TestCertificate : IDisposable
{
    private readonly X509Certificate2 _authority;

    public TestCertificate()
    {
        DateTimeOffset from = DateTimeOffset.UnixEpoch;
        DateTimeOffset to = from.AddYears(200);
        using ECDsa authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest authority = new("CN=authority", authorityKey, HashAlgorithmName.SHA256);
        authority.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        _authority = authority.CreateSelfSigned(from, to);
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest server = new("CN=server", key, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder names = new();
        names.AddDnsName("localhost");
        server.CertificateExtensions.Add(names.Build());
        using X509Certificate2 signed = server.Create(_authority, from, to, [1]);
        Server = signed.CopyWithPrivateKey(key);
    }

    /// <summary>With its key.</summary>
    public X509Certificate2 Server { get; }

    /// <summary>Makes a client trust the authority.</summary>
    public void Trust(SslClientAuthenticationOptions tls) => tls.CertificateChainPolicy = new X509ChainPolicy
    {
        TrustMode = X509ChainTrustMode.CustomRootTrust,
        CustomTrustStore = { _authority },
        RevocationMode = X509RevocationMode.NoCheck,
    };

    public void Dispose()
    {
        _authority.Dispose();
        Server.Dispose();
    }
}
