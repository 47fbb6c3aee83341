using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Gateway.IntegrationTests.Program;

/// <summary>The program that serves: what it prints, how it stops.</summary>
public sealed class ServeTests
{
    private readonly HttpClient _client = new();

    [Fact]
    public async Task Serve_SampleRepository_PrintsModelsAndALineToPaste()
    {
        await using GatewayProcess program = await GatewayProcess.ServeAsync();

        Assert.Matches(@"(?m)^digits +1 +READY +CPU", program.Output);
        Assert.Matches(@"(?m)^Serving 4 of 4 models", program.Output);
        program.Signal(GatewayProcess.Terminate);
        Assert.Equal(0, await program.WaitForExitAsync());
        Assert.Contains($"    curl localhost:{new Uri(program.HttpAddress).Port}/v2/models/digits/infer -d @config/samples/digit-7.json", program.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 0)]
    public async Task Serve_Ready_SaysSoInBothVersionsOfHttp(int major, int minor)
    {
        await using GatewayProcess program = await GatewayProcess.ServeAsync();
        using HttpRequestMessage request = new(HttpMethod.Get, program.HttpAddress + "/v2/health/ready")
        {
            Version = new Version(major, minor),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

        using HttpResponseMessage answer = await _client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Contains("nv_inference_count{model=\"digits\",version=\"1\"} 0\n", await _client.GetStringAsync(new Uri(program.MetricsAddress), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(GatewayProcess.Terminate)]
    [InlineData(GatewayProcess.Interrupt)]
    public async Task Signal_WhileIdle_EndsWithZero(int signal)
    {
        await using GatewayProcess program = await GatewayProcess.ServeAsync();

        program.Signal(signal);

        Assert.Equal(0, await program.WaitForExitAsync());
        Assert.EndsWith("Stopped; every accepted request was answered.\n", program.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Signal_SecondOneWhileDraining_EndsAtOnce()
    {
        await using GatewayProcess program = await GatewayProcess.ServeAsync();
        Uri address = new(program.HttpAddress);
        using Socket slow = await RequestWithoutItsBodyAsync(address);

        program.Signal(GatewayProcess.Terminate);
        await ClosedAsync(address);
        program.Signal(GatewayProcess.Interrupt);

        Assert.Equal(130, await program.WaitForExitAsync());
    }

    [Fact]
    public async Task Signal_ClientThatNeverFinishes_IsCutAfterTheGraceTime()
    {
        await using GatewayProcess program = await GatewayProcess.ServeAsync("--exit-timeout-secs", "0");
        using Socket slow = await RequestWithoutItsBodyAsync(new Uri(program.HttpAddress));

        program.Signal(GatewayProcess.Terminate);

        Assert.Equal(0, await program.WaitForExitAsync());
    }

    [Fact]
    public async Task LogFormat_Json_IsJsonOnStandardErrorOnly()
    {
        await using GatewayProcess program = await GatewayProcess.ServeAsync("--log-format=json");
        program.Signal(GatewayProcess.Terminate);
        await program.WaitForExitAsync();

        string[] lines = program.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.All(lines, line => Assert.Equal(System.Text.Json.JsonValueKind.Object, System.Text.Json.JsonDocument.Parse(line).RootElement.ValueKind));
        Assert.Contains(lines, line => line.Contains("\"EventId\":4001", StringComparison.Ordinal));
        Assert.DoesNotContain("EventId", program.Output, StringComparison.Ordinal);
    }

    /// <summary>A request that is under way for as long as its client likes.</summary>
    private static async Task<Socket> RequestWithoutItsBodyAsync(Uri address)
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Parse(address.Host), address.Port, TestContext.Current.CancellationToken);
        await socket.SendAsync(Encoding.ASCII.GetBytes("POST /v2/models/digits/infer HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n"), TestContext.Current.CancellationToken);

        // The interim answer says that the server waits for the body.
        byte[] interim = new byte[64];
        int read = await socket.ReceiveAsync(interim, TestContext.Current.CancellationToken);
        Assert.StartsWith("HTTP/1.1 100", Encoding.ASCII.GetString(interim, 0, read), StringComparison.Ordinal);
        return socket;
    }

    /// <summary>Completes once the port takes no connection.</summary>
    private static async Task ClosedAsync(Uri address)
    {
        while (true)
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(IPAddress.Parse(address.Host), address.Port, TestContext.Current.CancellationToken);
            }
            catch (SocketException)
            {
                return;
            }
        }
    }
}
