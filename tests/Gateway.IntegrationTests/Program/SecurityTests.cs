using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Gateway.Client;
using Gateway.Protocol.Frames;

namespace Gateway.IntegrationTests.Program;

/// <summary>TLS and the access token, on HTTP and on frames.</summary>
public sealed class SecurityTests : IDisposable
{
    private const string Token = "s3cret";

    private readonly string _folder = Directory.CreateTempSubdirectory("gateway-tls-").FullName;
    private readonly X509Certificate2 _certificate;

    public SecurityTests()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=localhost", key, HashAlgorithmName.SHA256);
        _certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200));
        File.WriteAllText(CertificateFile, _certificate.ExportCertificatePem());
        File.WriteAllText(KeyFile, key.ExportPkcs8PrivateKeyPem());
    }

    private string CertificateFile => Path.Combine(_folder, "certificate.pem");

    private string KeyFile => Path.Combine(_folder, "key.pem");

    public void Dispose()
    {
        _certificate.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 0)]
    public async Task Http_OverTls_IsServedInBothVersions(int major, int minor)
    {
        await using GatewayProcess program = await ServeAsync();
        using HttpClient client = Client();
        using HttpRequestMessage request = new(HttpMethod.Get, program.HttpAddress + "/v2/models/digits")
        {
            Version = new Version(major, minor),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

        using HttpResponseMessage answer = await client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.StartsWith("https://", program.HttpAddress, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Contains($"    curl https://localhost:{new Uri(program.HttpAddress).Port}/v2/models/digits/infer", program.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Grpc_OverTls_IsServed()
    {
        await using GatewayProcess program = await ServeAsync("--access-token", Token);
        using HttpClient client = Client();
        using HttpRequestMessage request = new(HttpMethod.Post, program.GrpcAddress + "/inference.GRPCInferenceService/ServerMetadata")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(new byte[5]) { Headers = { { "content-type", "application/grpc" } } },
        };
        request.Headers.Authorization = new("Bearer", Token);

        using HttpResponseMessage answer = await client.SendAsync(request, TestContext.Current.CancellationToken);
        byte[] body = await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);

        Assert.StartsWith("https://", program.GrpcAddress, StringComparison.Ordinal);
        Assert.Equal("0", answer.TrailingHeaders.GetValues("grpc-status").Single());
        Assert.Contains("triton", System.Text.Encoding.UTF8.GetString(body), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Frames_OverTls_AreServed()
    {
        await using GatewayProcess program = await ServeAsync();

        (string kind, string answer) = await GreetAsync(program, token: null);

        Assert.Equal("hello", kind);
        Assert.Contains("window", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Token_IsAskedForOnBothCarriers_ButNotByProbes()
    {
        await using GatewayProcess program = await ServeAsync("--access-token", Token);
        using HttpClient client = Client();
        Uri model = new(program.HttpAddress + "/v2/models/digits");

        using HttpResponseMessage without = await client.GetAsync(model, TestContext.Current.CancellationToken);
        using HttpResponseMessage probe = await client.GetAsync(new Uri(program.HttpAddress + "/v2/health/ready"), TestContext.Current.CancellationToken);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "wrong");
        using HttpResponseMessage wrong = await client.GetAsync(model, TestContext.Current.CancellationToken);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        using HttpResponseMessage right = await client.GetAsync(model, TestContext.Current.CancellationToken);

        Assert.Equal((HttpStatusCode.Unauthorized, "Bearer"), (without.StatusCode, without.Headers.WwwAuthenticate.ToString()));
        Assert.Equal("""{"error":"this server asks for an access token"}""", await without.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.Unauthorized, HttpStatusCode.OK), (probe.StatusCode, wrong.StatusCode, right.StatusCode));
        Assert.Equal("error", (await GreetAsync(program, token: null)).Kind);
        (string kind, string answer) = await GreetAsync(program, "wrong");
        Assert.Equal("error", kind);
        Assert.Contains("UNAUTHENTICATED", answer, StringComparison.Ordinal);
        Assert.Equal("hello", (await GreetAsync(program, Token)).Kind);
        Assert.DoesNotContain(Token, program.Output + program.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DotNetClient_OverTls_IsServedOnBothCarriers_AndTrustsNobodyElse()
    {
        await using GatewayProcess program = await ServeAsync("--access-token", Token);
        string[] endpoints = [$"tls://localhost:{IPEndPoint.Parse(program.FramesAddress).Port}", $"https://localhost:{new Uri(program.HttpAddress).Port}"];
        foreach (string endpoint in endpoints)
        {
            await using InferenceClient client = new(new InferenceClientOptions { Endpoints = { endpoint }, AccessToken = Token, ConfigureTls = Trust });
            using InferenceResponse response = await client.InferAsync(Digit(), TestContext.Current.CancellationToken);
            Assert.Equal(10, response.Output("probabilities").AsSpan<float>().Length);

            await using InferenceClient stranger = new(new InferenceClientOptions { Endpoints = { endpoint }, AccessToken = Token });
            InferenceConnectionException error = await Assert.ThrowsAsync<InferenceConnectionException>(async () => await stranger.InferAsync(Digit(), TestContext.Current.CancellationToken));
            Assert.False(error.MayHaveRun);
            Assert.IsType<AuthenticationException>(error.InnerException is HttpRequestException http ? http.InnerException : error.InnerException);
        }

        static InferenceRequest Digit() => new InferenceRequest("digits").AddInput("image", new float[64], 1, 1, 8, 8);

        void Trust(SslClientAuthenticationOptions tls) => tls.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            CustomTrustStore = { _certificate },
            RevocationMode = X509RevocationMode.NoCheck,
        };
    }

    [Fact]
    public async Task Certificate_WithItsChain_IsTrustedByWhoKnowsTheRootAlone()
    {
        using ECDsa rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using ECDsa middleKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 root = Authority("CN=root", rootKey).CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200));
        using X509Certificate2 middle = Authority("CN=between", middleKey).Create(root, root.NotBefore, root.NotAfter, [1]).CopyWithPrivateKey(middleKey);
        CertificateRequest server = new("CN=localhost", key, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder names = new();
        names.AddDnsName("localhost");
        server.CertificateExtensions.Add(names.Build());
        using X509Certificate2 certificate = server.Create(middle, root.NotBefore, root.NotAfter, [2]);
        File.WriteAllText(CertificateFile, $"{certificate.ExportCertificatePem()}\n{middle.ExportCertificatePem()}\n");
        File.WriteAllText(KeyFile, key.ExportPkcs8PrivateKeyPem());
        await using GatewayProcess program = await ServeAsync();

        foreach (int port in new[] { new Uri(program.HttpAddress).Port, new Uri(program.GrpcAddress).Port, IPEndPoint.Parse(program.FramesAddress).Port })
        {
            using TcpClient tcp = new();
            await tcp.ConnectAsync(IPAddress.Loopback, port, TestContext.Current.CancellationToken);
            await using SslStream stream = new(tcp.GetStream());
            SslClientAuthenticationOptions trusting = new()
            {
                TargetHost = "localhost",
                CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, CustomTrustStore = { root }, RevocationMode = X509RevocationMode.NoCheck },
            };

            await stream.AuthenticateAsClientAsync(trusting, TestContext.Current.CancellationToken);

            Assert.True(stream.IsAuthenticated);
        }

        static CertificateRequest Authority(string name, ECDsa key)
        {
            CertificateRequest request = new(name, key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
            return request;
        }
    }

    [Fact]
    public async Task Certificate_Unreadable_IsOneLine()
    {
        string missing = Path.Combine(_folder, "missing.pem");
        await using GatewayProcess program = GatewayProcess.Run(["--tls-certificate", missing]);

        Assert.Equal(1, await program.WaitForExitAsync());
        Assert.StartsWith($"gateway: --tls-certificate: cannot read {missing}: ", program.Error, StringComparison.Ordinal);
        Assert.Single(program.Error.Trim().Split('\n'));
    }

    private Task<GatewayProcess> ServeAsync(params string[] arguments) =>
        GatewayProcess.ServeAsync(["--tls-certificate", CertificateFile, "--tls-key", KeyFile, .. arguments]);

    private HttpClient Client() => new(new SocketsHttpHandler { SslOptions = Trusting() });

    /// <summary>Trusts the one certificate, whatever its name.</summary>
    private SslClientAuthenticationOptions Trusting() => new()
    {
        TargetHost = "localhost",
        RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.GetCertHashString() == _certificate.GetCertHashString(),
    };

    /// <summary>Says hello, and takes the answer apart as far as needed here.</summary>
    private async Task<(string Kind, string Answer)> GreetAsync(GatewayProcess program, string? token)
    {
        using TcpClient tcp = new();
        await tcp.ConnectAsync(IPEndPoint.Parse(program.FramesAddress), TestContext.Current.CancellationToken);
        await using SslStream stream = new(tcp.GetStream());
        await stream.AuthenticateAsClientAsync(Trusting(), TestContext.Current.CancellationToken);
        byte[] hello = Hello(token);
        await stream.WriteAsync(hello, TestContext.Current.CancellationToken);
        byte[] length = new byte[Frame.LengthBytes];
        await stream.ReadExactlyAsync(length, TestContext.Current.CancellationToken);
        byte[] answer = new byte[Frame.ReadLength(length)];
        await stream.ReadExactlyAsync(answer, TestContext.Current.CancellationToken);
        return (System.Text.Encoding.Latin1.GetString(answer, 2, 5), System.Text.Encoding.Latin1.GetString(answer));
    }

    private static byte[] Hello(string? token)
    {
        byte[] body = token is null ? [0x81, 0xa7, .. "version"u8, 1] : [0x82, 0xa7, .. "version"u8, 1, 0xa5, .. "token"u8, (byte)(0xa0 + token.Length), .. System.Text.Encoding.ASCII.GetBytes(token)];
        MessageHead head = new(MessageKind.Hello, 0);
        byte[] frame = new byte[head.FrameBytes + body.Length];
        body.CopyTo(frame, head.WriteFrame(frame, body.Length));
        return frame;
    }
}
