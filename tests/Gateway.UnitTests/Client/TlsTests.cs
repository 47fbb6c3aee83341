using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using Gateway.Client;
using Gateway.Client.Endpoints;

namespace Gateway.UnitTests.Client;

/// <summary>Frames over TLS: served where the certificate is right, and otherwise refused before anything is sent.</summary>
public sealed class TlsTests : IDisposable
{
    private readonly TestCertificate _certificate = new();

    public void Dispose() => _certificate.Dispose();

    [Fact]
    public async Task InferAsync_ManyThreads_EachGetsItsOwn()
    {
        await using FrameHost server = await FrameHost.StartAsync(certificate: _certificate.Server);
        await using InferenceClient client = Client(server.Address, _certificate.Trust);

        await Task.WhenAll(Enumerable.Range(0, 8).Select(lane => Task.Run(async () =>
        {
            for (long i = lane; i < 2000; i += 8) Assert.Equal(i, await client.SendAsync(i));
        })));
    }

    [Fact]
    public async Task InferAsync_LargeTensors_BothWaysAtOnce_ComeBackWhole()
    {
        await using FrameHost server = await FrameHost.StartAsync(certificate: _certificate.Server);
        await using InferenceClient client = Client(server.Address, _certificate.Trust);
        long[] small = [.. Enumerable.Range(0, 64).Select(i => (long)i << 40)];
        long[] large = [.. Enumerable.Range(0, 60_000).Select(i => (long)i)];

        Task<long[]>[] calls = [.. Enumerable.Range(0, 12).Select(async i =>
        {
            long[] elements = i % 2 == 0 ? large : small;
            using InferenceResponse response = await client.InferAsync(new InferenceRequest("number").AddInput("x", elements, elements.Length, 1), TestContext.Current.CancellationToken);
            return response.Output("y").AsSpan<long>().ToArray();
        })];

        for (int i = 0; i < calls.Length; i++) Assert.Equal(i % 2 == 0 ? large : small, await calls[i]);
    }

    [Fact]
    public async Task ServerStopsAndStarts_CallsGoOn()
    {
        FrameHost server = await FrameHost.StartAsync(certificate: _certificate.Server);
        await using InferenceClient client = Client(server.Address, _certificate.Trust, attempts: 50);
        for (int round = 0; round < 3; round++)
        {
            Assert.Equal(round, await client.SendAsync(round));
            int port = server.Port;
            await server.DisposeAsync();
            server = await FrameHost.StartAsync(port, certificate: _certificate.Server);
        }

        Assert.Equal(9, await client.SendAsync(9));
        await client.DisposeAsync();
        await server.DisposeAsync();
    }

    [Fact]
    public async Task Certificate_OfAnUnknownAuthority_IsRefused()
    {
        await using FrameHost server = await FrameHost.StartAsync(certificate: _certificate.Server);
        await using InferenceClient client = Client(server.Address, configure: null);

        InferenceConnectionException error = await Assert.ThrowsAsync<InferenceConnectionException>(() => client.SendAsync(1));

        Assert.False(error.MayHaveRun);
        Assert.StartsWith($"The connection to {server.Address} could not be used: The TLS handshake failed: ", error.Message, StringComparison.Ordinal);
        Assert.Contains("certificate", error.Message, StringComparison.Ordinal);
        Assert.IsType<AuthenticationException>(error.InnerException);
        Assert.Equal(0, server.Rows);
    }

    [Fact]
    public async Task Certificate_OfAnotherHost_IsRefused()
    {
        await using FrameHost server = await FrameHost.StartAsync(certificate: _certificate.Server);
        await using InferenceClient client = Client($"tls://127.0.0.1:{server.Port}", _certificate.Trust);

        InferenceConnectionException error = await Assert.ThrowsAsync<InferenceConnectionException>(() => client.SendAsync(1));

        Assert.False(error.MayHaveRun);
        Assert.Contains(nameof(SslPolicyErrors.RemoteCertificateNameMismatch), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OwnValidation_DecidesAlone()
    {
        await using FrameHost server = await FrameHost.StartAsync(certificate: _certificate.Server);
        await using InferenceClient trusting = Client($"tls://127.0.0.1:{server.Port}", tls => tls.RemoteCertificateValidationCallback = (_, shown, _, _) => shown!.GetCertHashString() == _certificate.Server.GetCertHashString());
        await using InferenceClient throwing = Client(server.Address, tls => tls.RemoteCertificateValidationCallback = static (_, _, _, _) => throw new InvalidOperationException("no opinion"));

        Assert.Equal(1, await trusting.SendAsync(1));
        Assert.Contains("no opinion", (await Assert.ThrowsAsync<InferenceConnectionException>(() => throwing.SendAsync(1))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ServerWithoutTls_IsRefused()
    {
        await using FrameHost server = await FrameHost.StartAsync();
        await using InferenceClient client = Client($"tls://{server.Address}", _certificate.Trust);

        InferenceConnectionException error = await Assert.ThrowsAsync<InferenceConnectionException>(() => client.SendAsync(1));

        Assert.False(error.MayHaveRun);
        Assert.Contains("The TLS handshake failed", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ServerWithTls_WhereNoneIsSpoken_IsAConnectionException()
    {
        await using FrameHost server = await FrameHost.StartAsync(certificate: _certificate.Server);
        await using InferenceClient client = Client($"localhost:{server.Port}", _certificate.Trust);

        Assert.False((await Assert.ThrowsAsync<InferenceConnectionException>(() => client.SendAsync(1))).MayHaveRun);
    }

    [Fact]
    public async Task ServerThatNeverCompletesTheHandshake_ConnectTimeoutPasses_IsAConnectionException()
    {
        await using ScriptedServer server = new(peer => peer.WaitForEndAsync());
        await using InferenceClient client = Client($"tls://{server.Address}", _certificate.Trust, connectTimeout: TimeSpan.FromMilliseconds(50));

        InferenceConnectionException error = await Assert.ThrowsAsync<InferenceConnectionException>(() => client.SendAsync(1));

        Assert.False(error.MayHaveRun);
        Assert.Contains("No TLS handshake within 00:00:00.05", error.Message, StringComparison.Ordinal);
        Assert.IsType<TimeoutException>(error.InnerException);
    }

    [Fact]
    public async Task ServerThatNeverCompletesTheHandshake_ClientIsDisposed_EndsTheCall()
    {
        TaskCompletionSource hasCome = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using ScriptedServer server = new(peer =>
        {
            hasCome.TrySetResult();
            return peer.WaitForEndAsync();
        });
        InferenceClient client = Client($"tls://{server.Address}", _certificate.Trust);
        Task<long> call = client.SendAsync(1);
        await hasCome.Task;

        await client.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => call);
    }

    [Fact]
    public async Task ServerThatEndsInTheHandshake_IsAConnectionException()
    {
        byte[] part = new byte[16];
        await using ScriptedServer server = new(async peer => await peer.Socket.ReceiveAsync(part, peer.Ending));
        await using InferenceClient client = Client($"tls://{server.Address}", _certificate.Trust);

        InferenceConnectionException error = await Assert.ThrowsAsync<InferenceConnectionException>(() => client.SendAsync(1));

        Assert.False(error.MayHaveRun);
        Assert.Contains("The TLS handshake failed", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ConfigureTls_IsCalledOnceForEachEndpointThatSpeaksIt()
    {
        List<string?> hosts = [];
        InferenceClientOptions options = new() { ConfigureTls = tls => hosts.Add(tls.TargetHost) };
        foreach (string endpoint in new[] { "tls://one", "two:1", "unix:/three", "https://four", "http://five", "tls://[::1]:6" }) options.Endpoints.Add(endpoint);

        await using InferenceClient client = new(options);

        Assert.Equal(["one", null, "::1"], hosts);
    }

    [Theory]
    [InlineData("tls://gpu-1", "gpu-1", 8003)]
    [InlineData("TLS://gpu-1:1234/", "gpu-1", 1234)]
    [InlineData("frames://gpu-1", null, 8003)]
    [InlineData("gpu-1:1234", null, 1234)]
    public void Address_IsRead(string text, string? tlsHost, int port)
    {
        EndpointAddress address = EndpointAddress.Parse(text);

        Assert.Equal((tlsHost, new DnsEndPoint("gpu-1", port)), (address.TlsHost, address.EndPoint));
    }

    [Theory]
    [InlineData("gpu-1")]
    [InlineData("tls://")]
    [InlineData("tls://gpu-1:0")]
    [InlineData("tls://gpu-1/path")]
    [InlineData("ssl://gpu-1:8003")]
    public void Address_ThatIsNone_IsRefused(string text) =>
        Assert.Contains("tls://host:port", Assert.Throws<ArgumentException>(() => new InferenceClient(text)).Message, StringComparison.Ordinal);

    private static InferenceClient Client(string address, Action<SslClientAuthenticationOptions>? configure, int attempts = 2, TimeSpan? connectTimeout = null) => new(new InferenceClientOptions
    {
        Endpoints = { address },
        ConfigureTls = configure,
        MaxAttempts = attempts,
        ConnectTimeout = connectTimeout ?? TimeSpan.FromSeconds(15),
        ReconnectDelay = TimeSpan.FromMilliseconds(1),
    });
}
