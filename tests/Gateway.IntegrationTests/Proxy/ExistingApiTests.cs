using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;

namespace Gateway.IntegrationTests.Proxy;

/// <summary>APIs in other languages behind the program's proxy: what clients see is what they see without it.</summary>
public sealed class ExistingApiTests
{
    private readonly HttpClient _client = new(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });

    /// <summary>Method, path and bytes of the body; -1 for none.</summary>
    private static readonly (string Method, string Path, int Body)[] Requests =
    [
        ("GET", "/", -1),
        ("GET", "/a%2Fb/%C3%A4?q=1&q=%20+2", -1),
        ("GET", "/missing", -1),
        ("HEAD", "/counted?n=1000", -1),
        ("GET", "/counted?n=0", -1),
        ("GET", "/counted?n=1", -1),
        ("GET", "/counted?n=3000000", -1),
        ("GET", "/events", -1),
        ("POST", "/echo", 0),
        ("POST", "/echo", 1),
        ("POST", "/echo", 2_000_000),
        ("PUT", "/x", 100_000),
        ("DELETE", "/x", 10),
        ("PATCH", "/x", 10),
    ];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Http_EveryRequest_IsAnsweredWithTheSameBytes(bool isGuarded)
    {
        await using StrangerServer api = await StrangerServer.StartAsync("upstream.py");
        using ProxyFile file = new(Everything(api.Port, isGuarded));
        await using GatewayProcess program = await GatewayProcess.ServeAsync("--proxy-config", file.Path);

        foreach ((string method, string path, int body) in Requests)
        {
            string straight = await AskAsync($"http://127.0.0.1:{api.Port}", method, path, body, chunked: false);
            Assert.Equal(straight, await AskAsync(program.HttpAddress, method, path, body, chunked: false));
            if (body >= 0) Assert.Equal(straight, await AskAsync(program.HttpAddress, method, path, body, chunked: true));
        }

        program.Signal(GatewayProcess.Terminate);
        Assert.Equal(0, await program.WaitForExitAsync());
    }

    [Fact]
    public async Task WebSocket_EveryMessage_ComesBackAsItWas()
    {
        await using StrangerServer api = await StrangerServer.StartAsync("upstream.py");
        using ProxyFile file = new(Everything(api.Port, isGuarded: true, seconds: 5));
        await using GatewayProcess program = await GatewayProcess.ServeAsync("--proxy-config", file.Path);

        foreach (string address in (string[])[$"ws://127.0.0.1:{api.Port}", program.HttpAddress.Replace("http", "ws", StringComparison.Ordinal)])
        {
            using ClientWebSocket socket = new();
            await socket.ConnectAsync(new Uri(address + "/ws"), TestContext.Current.CancellationToken);
            foreach (int length in (int[])[0, 1, 125, 126, 65_535, 65_536, 300_000])
            {
                byte[] message = Bytes(length);
                await socket.SendAsync(message, WebSocketMessageType.Binary, endOfMessage: true, TestContext.Current.CancellationToken);
                Assert.Equal(message, await ReceiveAsync(socket));
            }

            // Longer than the route's time for requests: what is upgraded is none.
            await Task.Delay(TimeSpan.FromSeconds(5.5), TimeProvider.System, TestContext.Current.CancellationToken);
            await socket.SendAsync("late"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, TestContext.Current.CancellationToken);
            Assert.Equal("late"u8.ToArray(), await ReceiveAsync(socket));
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "bye", TestContext.Current.CancellationToken);
            Assert.Equal((WebSocketCloseStatus.NormalClosure, "bye"), (socket.CloseStatus!.Value, socket.CloseStatusDescription));
        }
    }

    [Fact]
    public async Task Grpc_EveryKindOfCall_IsTheSame()
    {
        await using StrangerServer api = await StrangerServer.StartAsync("grpc_upstream.py");
        using ProxyFile file = new(
            $$"""
            { "ReverseProxy": { "Routes": { "grpc": { "ClusterId": "grpc", "Match": { "Path": "/echo.Echo/{**rest}" } } },
              "Clusters": { "grpc": { "HttpRequest": { "Version": "2", "VersionPolicy": "RequestVersionExact" }, "Destinations": { "a": { "Address": "http://127.0.0.1:{{api.Port}}" } } } } },
              "Gateway": { "Resilience": { "grpc": { "FirstByteTimeout": "00:00:20", "Retry": {}, "CircuitBreaker": {} } } } }
            """);
        await using GatewayProcess program = await GatewayProcess.ServeAsync("--proxy-config", file.Path);
        string script = Path.Combine(GatewayProcess.RepositoryRoot, "tests", "interop", "grpc_echo.py");

        string straight = await StrangerClient.RunAsync("/usr/bin/python3", script, $"127.0.0.1:{api.Port}");
        string proxied = await StrangerClient.RunAsync("/usr/bin/python3", script, new Uri(program.HttpAddress).Authority);

        Assert.Equal(straight, proxied);
        Assert.Contains("Chat [] StatusCode.OK", proxied, StringComparison.Ordinal);
        Assert.Contains("FAILED_PRECONDITION", proxied, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Upstream_KilledUnderLoad_IsErrorsThenWellAgain()
    {
        StrangerServer first = await StrangerServer.StartAsync("upstream.py");
        await using StrangerServer second = await StrangerServer.StartAsync("upstream.py");
        using ProxyFile file = new(Two(first.Port, second.Port));
        await using GatewayProcess program = await GatewayProcess.ServeAsync("--proxy-config", file.Path);
        await using (first)
        {
            for (int i = 0; i < 20; i++) Assert.Equal(HttpStatusCode.OK, await StatusAsync(program, "/x"));
            first.Kill();

            // Idempotent requests are tried at the other: not one is lost.
            for (int i = 0; i < 50; i++) Assert.Equal(HttpStatusCode.OK, await StatusAsync(program, "/x"));
        }

        string metrics = await _client.GetStringAsync(new Uri(program.MetricsAddress), TestContext.Current.CancellationToken);
        Assert.Contains("gateway_proxy_circuit_closed{cluster=\"api\",destination=\"a\"} 0\n", metrics, StringComparison.Ordinal);
        Assert.Contains("gateway_proxy_requests_total{route=\"all\",status=\"200\"} 70\n", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task File_ChangedWhileServing_IsTakenIfItIsGood()
    {
        await using StrangerServer api = await StrangerServer.StartAsync("upstream.py");
        string good = Everything(api.Port, isGuarded: false);
        using ProxyFile file = new(good.Replace("{**rest}", "/before/{**rest}", StringComparison.Ordinal));
        await using GatewayProcess program = await GatewayProcess.ServeAsync("--proxy-config", file.Path);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(program, "/before/x"));

        file.Write("{ \"ReverseProxy\": ");
        while (!program.Error.Contains("configuration is not taken, what was in use stays so", StringComparison.Ordinal)) await NextAsync();
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(program, "/before/x"));

        file.Write(good.Replace("{**rest}", "/after/{**rest}", StringComparison.Ordinal));
        while (await StatusAsync(program, "/after/x") != HttpStatusCode.OK) await NextAsync();
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(program, "/before/x"));
        program.Signal(GatewayProcess.Terminate);
        Assert.Equal(0, await program.WaitForExitAsync());
    }

    [Fact]
    public async Task Signal_RequestUnderWay_IsFinished()
    {
        using Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        using ProxyFile file = new(Everything(((IPEndPoint)listener.LocalEndPoint!).Port, isGuarded: false));
        await using GatewayProcess program = await GatewayProcess.ServeAsync("--proxy-config", file.Path);
        Task<string> answer = _client.GetStringAsync(new Uri(program.HttpAddress + "/x"), TestContext.Current.CancellationToken);
        using Socket upstream = await listener.AcceptAsync(TestContext.Current.CancellationToken);
        await upstream.ReceiveAsync(new byte[4096], TestContext.Current.CancellationToken);

        program.Signal(GatewayProcess.Terminate);
        while (!program.Error.Contains("Stopping", StringComparison.Ordinal)) await NextAsync();
        await upstream.SendAsync(Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"), TestContext.Current.CancellationToken);

        Assert.Equal("done", await answer);
        Assert.Equal(0, await program.WaitForExitAsync());
    }

    [Theory]
    [InlineData("serve")]
    [InlineData("check")]
    public async Task File_BadAtStart_IsRefusedWithEachReason(string command)
    {
        using ProxyFile file = new("""{ "ReverseProxy": { "Routes": { "r": { "ClusterId": "none", "Match": { "Path": "/v2/x" } } }, "Clusters": { "c": { "SessionAffinity": { "Enabled": true, "AffinityKeyName": "k", "Policy": "HashCookie" } } } } }""");
        await using GatewayProcess program = GatewayProcess.Run([command, "--proxy-config", file.Path]);

        Assert.Equal(2, await program.WaitForExitAsync());
        Assert.Contains("gateway: ReverseProxy:Clusters:c:SessionAffinity:Policy: 'HashCookie' is not supported (allowed Cookie, ArrCookie, CustomHeader)\n", program.Error, StringComparison.Ordinal);
        Assert.Contains("gateway: ReverseProxy:Routes:r:ClusterId: there is no cluster 'none'\n", program.Error, StringComparison.Ordinal);
        Assert.Contains("gateway: ReverseProxy:Routes:r:Match:Path: '/v2/x' is the inference protocol's", program.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sample_MovedRoute_IsServedByTheModelAndMovedBackByALine()
    {
        await using StrangerServer old = await StrangerServer.StartAsync("upstream.py");
        string sample = await File.ReadAllTextAsync(Path.Combine(GatewayProcess.RepositoryRoot, "config", "proxy", "moved-route.json"), TestContext.Current.CancellationToken);
        sample = sample.Replace("127.0.0.1:9000", $"127.0.0.1:{old.Port}", StringComparison.Ordinal);
        using ProxyFile file = new(sample);
        await using GatewayProcess program = await GatewayProcess.ServeAsync("--proxy-config", file.Path);
        byte[] request = await File.ReadAllBytesAsync(Path.Combine(GatewayProcess.RepositoryRoot, "config", "samples", "digit-7.json"), TestContext.Current.CancellationToken);

        string asked = await PostAsync(program, "/v2/models/digits/infer", request);
        Assert.Contains("\"model_name\":\"digits\"", asked, StringComparison.Ordinal);
        Assert.Equal(asked, await PostAsync(program, "/api/digits/predict", request));
        Assert.StartsWith("POST /api/wine/predict ", await PostAsync(program, "/api/wine/predict", request), StringComparison.Ordinal);
        Assert.StartsWith("POST /any/path ", await PostAsync(program, "/any/path", request), StringComparison.Ordinal);

        file.Write(sample.Replace("\"Metadata\": { \"Model\": \"digits\" }", "\"Metadata\": {}", StringComparison.Ordinal));
        while (!(await PostAsync(program, "/api/digits/predict", request)).StartsWith("POST /api/digits/predict ", StringComparison.Ordinal)) await NextAsync();
    }

    private async Task<string> PostAsync(GatewayProcess program, string path, byte[] body)
    {
        using HttpResponseMessage answer = await _client.PostAsync(new Uri(program.HttpAddress + path), new ByteArrayContent(body), TestContext.Current.CancellationToken);
        return await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
    }

    private static string Everything(int port, bool isGuarded, int seconds = 30) => $$"""
        { "ReverseProxy": { "Routes": { "all": { "ClusterId": "api", "Timeout": "00:00:{{seconds:00}}", "Match": { "Path": "{**rest}" } } },
          "Clusters": { "api": { "Destinations": { "a": { "Address": "http://127.0.0.1:{{port}}" } } } } },
          "Gateway": { "Resilience": { {{(isGuarded ? "\"api\": { \"FirstByteTimeout\": \"00:00:20\", \"Retry\": { \"MaxBodyBytes\": 1000000 }, \"CircuitBreaker\": {} }" : "")}} } } }
        """;

    private static string Two(int one, int other) => $$"""
        { "ReverseProxy": { "Routes": { "all": { "ClusterId": "api", "Match": { "Path": "{**rest}" } } },
          "Clusters": { "api": { "LoadBalancingPolicy": "RoundRobin", "Destinations": { "a": { "Address": "http://127.0.0.1:{{one}}" }, "b": { "Address": "http://127.0.0.1:{{other}}" } } } } },
          "Gateway": { "Resilience": { "api": { "Retry": { "Budget": 1, "Delay": "00:00:00" }, "CircuitBreaker": { "MinimumThroughput": 3, "BreakDuration": "00:05:00" } } } } }
        """;

    /// <summary>All of an answer, as text: status, reason, headers in alphabetical order but for the date and the framing, and a digest of the body.</summary>
    private async Task<string> AskAsync(string address, string method, string path, int body, bool chunked)
    {
        using HttpRequestMessage request = new(new HttpMethod(method), address + path);
        if (body >= 0)
        {
            request.Content = new ByteArrayContent(Bytes(body));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/x-mine");
            request.Headers.TransferEncodingChunked = chunked;
        }

        using HttpResponseMessage answer = await _client.SendAsync(request, TestContext.Current.CancellationToken);
        byte[] bytes = await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        IEnumerable<string> headers = answer.Headers.Concat(answer.Content.Headers).Where(header => header.Key is not ("Date" or "Connection" or "Transfer-Encoding") && (header.Key != "Content-Length" || method == "HEAD")).Select(header => $"{header.Key}: {string.Join(" | ", header.Value)}").Order(StringComparer.Ordinal);
        return $"{(int)answer.StatusCode} {answer.ReasonPhrase}\n{string.Join('\n', headers)}\n{bytes.Length} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(bytes))}";
    }

    private async Task<HttpStatusCode> StatusAsync(GatewayProcess program, string path)
    {
        using HttpResponseMessage answer = await _client.GetAsync(new Uri(program.HttpAddress + path), TestContext.Current.CancellationToken);
        return answer.StatusCode;
    }

    private static Task NextAsync() => Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, TestContext.Current.CancellationToken);

    private static byte[] Bytes(int length)
    {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) bytes[i] = (byte)(i * 31 + i / 256);
        return bytes;
    }

    private static async Task<byte[]> ReceiveAsync(ClientWebSocket socket)
    {
        byte[] buffer = new byte[400_000];
        int length = 0;
        while (true)
        {
            WebSocketReceiveResult part = await socket.ReceiveAsync(new ArraySegment<byte>(buffer, length, buffer.Length - length), TestContext.Current.CancellationToken);
            length += part.Count;
            if (part.EndOfMessage) return buffer[..length];
        }
    }
}
