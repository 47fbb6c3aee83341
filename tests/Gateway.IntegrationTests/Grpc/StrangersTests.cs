using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Gateway.IntegrationTests.Grpc;

/// <summary>Clients of others, Python's grpcio and JavaScript's grpc-js, against the program itself: every method, and every error that clients rely on.</summary>
public sealed class StrangersTests
{
    private static string Digits => Path.Combine(GatewayProcess.RepositoryRoot, "config", "samples", "digits-heldout.bin");

    [Fact]
    public async Task Python_EveryMethodAndError_IsAsDescribed()
    {
        await using GatewayProcess program = await GatewayProcess.ServeAsync();

        string output = await StrangerClient.RunAsync("/usr/bin/python3", Path.Combine(GatewayProcess.RepositoryRoot, "tests", "interop", "grpc_cases.py"), AddressOf(program));

        Assert.Contains("errors are as they should be", output, StringComparison.Ordinal);
        program.Signal(GatewayProcess.Terminate);
        Assert.Equal(0, await program.WaitForExitAsync());
    }

    [Fact]
    public async Task Python_ModelsAndMemoryOfItsOwn_AreServedUnderTheirGuards()
    {
        await using GatewayProcess program = await GatewayProcess.ServeAsync(
            "--model-control-mode", "explicit", "--allow-load-override", "--allow-client-shm", "--grpc-restricted-protocol", "model-repository:admin=s=1");
        string model = Path.Combine(GatewayProcess.RepositoryRoot, "config", "model-repository", "digits", "1", "model.onnx");

        string output = await StrangerClient.RunAsync(
            "/usr/bin/python3", Path.Combine(GatewayProcess.RepositoryRoot, "tests", "interop", "grpc_control.py"), AddressOf(program), new Uri(program.HttpAddress).Authority, model, "s=1");

        Assert.Contains("errors are as they should be", output, StringComparison.Ordinal);
        program.Signal(GatewayProcess.Terminate);
        Assert.Equal(0, await program.WaitForExitAsync());
    }

    [Fact]
    public async Task Python_OverTlsWithAnAuthorityOfItsOwn_IsServed()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("gateway-grpc-tls-");
        try
        {
            string authority = Path.Combine(folder.FullName, "authority.pem");
            string certificate = Path.Combine(folder.FullName, "certificate.pem");
            string key = Path.Combine(folder.FullName, "key.pem");
            WriteCertificates(authority, certificate, key);
            await using GatewayProcess program = await GatewayProcess.ServeAsync("--tls-certificate", certificate, "--tls-key", key);

            string output = await StrangerClient.RunAsync(
                "/usr/bin/python3", Path.Combine(GatewayProcess.RepositoryRoot, "tests", "interop", "grpc_tls.py"), AddressOf(program), authority, "gateway.test");

            Assert.Equal("calls and streams over TLS are as they should be", output.Trim());
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task JavaScript_EveryMethodAndError_IsAsDescribed()
    {
        await using GatewayProcess program = await GatewayProcess.ServeAsync("--grpc-infer-response-compression-level", "low");

        string output = await StrangerClient.RunAsync("node", Path.Combine(GatewayProcess.RepositoryRoot, "tests", "interop", "grpc.mjs"), AddressOf(program), Digits);

        Assert.Equal("359 and 359 of 360 digits are right", output.Trim());
    }

    [Fact]
    public async Task Sample_WithToken_ClassifiesTheDigits()
    {
        await using GatewayProcess program = await GatewayProcess.ServeAsync("--access-token", "t");
        string script = Path.Combine(GatewayProcess.RepositoryRoot, "config", "samples", "classify_digits_grpc.py");

        string output = await StrangerClient.RunAsync("/usr/bin/python3", script, "--address", AddressOf(program), "--token", "t");

        Assert.Contains("calls: 360 digits", output, StringComparison.Ordinal);
        Assert.Equal(2, output.Split("accuracy 0.9972").Length - 1);
    }

    [Fact]
    public async Task TritonsOwnClient_WhereItIsInstalled_IsServedWithAllThatItOffers()
    {
        const int NotInstalled = 77;
        DirectoryInfo traces = Directory.CreateTempSubdirectory("gateway-traces-");
        try
        {
            await using GatewayProcess program = await GatewayProcess.ServeAsync(
                "--model-control-mode", "explicit", "--load-model", "*", "--allow-load-override", "--allow-client-shm", "--trace-directory", traces.FullName);
            string script = Path.Combine(GatewayProcess.RepositoryRoot, "tests", "interop", "triton_client.py");
            string model = Path.Combine(GatewayProcess.RepositoryRoot, "config", "model-repository", "digits", "1", "model.onnx");

            (int code, string output) = await StrangerClient.TryRunAsync("/usr/bin/python3", script, "all", new Uri(program.HttpAddress).Authority, AddressOf(program), model);

            Assert.SkipWhen(code == NotInstalled, output.Trim());
            Assert.Equal((0, "all that tritonclient offers"), (code, output.Trim()));
        }
        finally
        {
            traces.Delete(recursive: true);
        }
    }

    private static void WriteCertificates(string authorityFile, string certificateFile, string keyFile)
    {
        DateTimeOffset from = DateTimeOffset.UnixEpoch;
        DateTimeOffset to = from.AddYears(200);
        using ECDsa authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest root = new("CN=authority", authorityKey, HashAlgorithmName.SHA256);
        root.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        using X509Certificate2 authority = root.CreateSelfSigned(from, to);
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest server = new("CN=server", key, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder names = new();
        names.AddDnsName("gateway.test");
        server.CertificateExtensions.Add(names.Build());
        using X509Certificate2 certificate = server.Create(authority, from, to, [1]);
        File.WriteAllText(authorityFile, authority.ExportCertificatePem());
        File.WriteAllText(certificateFile, certificate.ExportCertificatePem());
        File.WriteAllText(keyFile, key.ExportPkcs8PrivateKeyPem());
    }

    private static string AddressOf(GatewayProcess program) => new Uri(program.GrpcAddress).Authority;
}
