using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Gateway.Server.Hosting;

/// <summary>Reads the certificate that the server shows its clients.</summary>
internal static class ServerCertificate
{
    /// <returns>Null when none is set.</returns>
    /// <exception cref="StartupException">It cannot be read.</exception>
    public static X509Certificate2? Load(ServerOptions options)
    {
        if (options.TlsCertificate is not { } certificate) return null;
        try
        {
            return X509Certificate2.CreateFromPemFile(certificate, options.TlsKey);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new StartupException($"{(certificate == options.GrpcServerCert ? "--grpc-server-cert" : "--tls-certificate")}: cannot read {certificate}{(options.TlsKey is { } key ? $" with the key {key}" : "")}: {error.Message}", error);
        }
    }
}
