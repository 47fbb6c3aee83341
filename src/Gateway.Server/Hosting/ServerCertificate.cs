using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Gateway.Server.Hosting;

/// <summary>Reads the certificate that the server shows its clients, and those that lead from it to an authority that they know.</summary>
internal static class ServerCertificate
{
    /// <returns>Null when none is set.</returns>
    /// <exception cref="StartupException">It cannot be read.</exception>
    public static HttpsConnectionAdapterOptions? Load(ServerOptions options)
    {
        if (options.TlsCertificate is not { } certificate) return null;
        try
        {
            // The server's own comes first in the file.
            HttpsConnectionAdapterOptions https = new() { ServerCertificate = X509Certificate2.CreateFromPemFile(certificate, options.TlsKey), ServerCertificateChain = [] };
            https.ServerCertificateChain.ImportFromPemFile(certificate);
            return https;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new StartupException($"{(certificate == options.GrpcServerCert ? "--grpc-server-cert" : "--tls-certificate")}: cannot read {certificate}{(options.TlsKey is { } key ? $" with the key {key}" : "")}: {error.Message}", error);
        }
    }
}
