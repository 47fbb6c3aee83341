using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Gateway.IntegrationTests.Overflow;

namespace Gateway.IntegrationTests.Remote;

/// <summary>A real server in front of another real server: it batches, caches and limits what the other runs.</summary>
public sealed class FrontDoorTests : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = 256 }) { Timeout = TimeSpan.FromSeconds(30) };

    public void Dispose() => _http.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SampleModels_ThroughTheFront_AreAnsweredAsBehindIt_InFewerBatches(bool isGrpc)
    {
        await using GatewayProcess upstream = await GatewayProcess.ServeAsync();
        using FrontRepository repository = new(AddressOf(upstream, isGrpc), "instance_group { count: 1 }", "digits", "language", "wine", "denoise");
        await using GatewayProcess front = await GatewayProcess.ServeAsync("--model-repository", repository.Folder);
        Assert.Matches(@"(?m)^Serving 4 of 4 models", front.Output);
        string[] bodies = [.. Enumerable.Range(0, 300).Select(Digit)];
        string[] expected = await Task.WhenAll(bodies.Select(body => OutputsAsync(upstream, "digits", body)));
        long before = Sum(await MetricsAsync(upstream), "nv_inference_request_success{model=\"digits\"");

        string[] answers = await Task.WhenAll(bodies.Select(body => OutputsAsync(front, "digits", body)));

        Assert.Equal(expected, answers);
        string behind = await MetricsAsync(upstream);
        string metrics = await MetricsAsync(front);
        long batches = Sum(behind, "nv_inference_request_success{model=\"digits\"") - before;
        Assert.Equal(300, Sum(metrics, "nv_inference_request_success{model=\"digits\""));
        Assert.Equal(batches, Sum(metrics, "gateway_remote_batches_total{model=\"digits\""));
        Assert.InRange(batches, 5, 200);
        Assert.Equal(600, Sum(behind, "nv_inference_count{model=\"digits\""));
        Assert.Contains($"gateway_model_provider{{device=\"{AddressOf(upstream, isGrpc)}{(isGrpc ? "" : "/v2/models")}/digits\",model=\"digits\",provider=\"remote\",version=\"1\"}} 1", metrics, StringComparison.Ordinal);

        // Strings.
        string text = """{"inputs":[{"name":"text","datatype":"BYTES","shape":[2,1],"data":["where is the library, and when does it open?","wo ist die Bibliothek, und wann macht sie auf?"]}]}""";
        Assert.Equal(await OutputsAsync(upstream, "language", text), await OutputsAsync(front, "language", text));
    }

    [Fact]
    public async Task Cache_AtTheFront_SparesTheUpstream()
    {
        await using GatewayProcess upstream = await GatewayProcess.ServeAsync();
        using FrontRepository repository = new(upstream.HttpAddress, "response_cache { enable: true }", "digits");
        await using GatewayProcess front = await GatewayProcess.ServeAsync("--model-repository", repository.Folder, "--cache-config", "local,size=16777216");
        string body = Digit(7);
        string first = await OutputsAsync(front, "digits", body);

        for (int i = 0; i < 20; i++) Assert.Equal(first, await OutputsAsync(front, "digits", body));

        Assert.Equal(1, Sum(await MetricsAsync(upstream), "nv_inference_request_success{model=\"digits\""));
        Assert.Equal(20, Sum(await MetricsAsync(front), "nv_cache_num_hits_per_model{model=\"digits\""));
    }

    [Theory]
    [InlineData(GatewayProcess.KillAtOnce, false)]
    [InlineData(GatewayProcess.Terminate, false)]
    [InlineData(GatewayProcess.KillAtOnce, true)]
    [InlineData(GatewayProcess.Terminate, true)]
    public async Task Upstream_EndedUnderLoadAndStartedAgain_ErrorsAreClear_AndItRecoversByItself(int signal, bool isGrpc)
    {
        using TimedRepository models = new(objectiveMilliseconds: 10_000);
        string port = FreePort();
        await using GatewayProcess first = await ServeTimedAsync(models, port, isGrpc);
        using FrontRepository repository = new(AddressOf(first, isGrpc), "", "timed");
        await using GatewayProcess front = await GatewayProcess.ServeTimedAsync("--model-repository", repository.Folder);
        using FleetClient client = new(front.HttpAddress);
        Task load = client.SendAsync(80, TimeSpan.FromSeconds(8));
        await DelayAsync(2);

        first.Signal(signal);
        await first.WaitForExitAsync();
        await DelayAsync(1);
        await using GatewayProcess second = await ServeTimedAsync(models, port, isGrpc);
        await load;

        // What was refused while nobody was there, and nothing else: no wrong answer, none lost.
        Assert.All(client.Refusals, text => Assert.Matches("the server that runs the model (cannot be reached: \\w|ended the connection|is left alone|answered 404|answered 503|answered with gRPC status (5|14))", text));
        Assert.All(client.Problems, problem => Assert.Matches("^500: .*broke off within its answer", problem));
        Assert.InRange(client.Problems.Count, 0, 16);
        Assert.Equal(640, client.Good + client.Refused + client.Problems.Count);
        Assert.InRange(client.Refused, 10, 500);
        await RecoveredAsync(front);
        Assert.Equal(0, Sum(await MetricsAsync(front), "gateway_remote_breaker_state"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ServersThatHaveEachOtherRunAModel_AnswerWithAnError_Once(bool isGrpc)
    {
        using TimedRepository models = new();
        string port = FreePort();
        GatewayProcess upstream = await ServeTimedAsync(models, port, isGrpc);
        await using GatewayProcess ended = upstream;
        const string Patient = """parameters { key: "connect_timeout_ms" value { string_value: "10000" } }""";
        using FrontRepository forth = new(AddressOf(upstream, isGrpc), Patient, "timed");
        await using GatewayProcess front = await GatewayProcess.ServeTimedAsync("--model-repository", forth.Folder);
        Assert.True(front.Output.Contains("Serving 1 of 1", StringComparison.Ordinal), front.Error);
        upstream.Signal(GatewayProcess.Terminate);
        await upstream.WaitForExitAsync();
        using FrontRepository back = new(AddressOf(front, isGrpc), Patient, "timed");
        await using GatewayProcess other = await GatewayProcess.ServeTimedAsync("--model-repository", back.Folder, isGrpc ? "--grpc-port" : "--http-port", port);

        (HttpStatusCode status, string answer) = await PostAsync(front, "timed", """{"inputs":[{"name":"x","datatype":"INT64","shape":[1,1],"data":[1]}]}""");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Contains("Request for model 'timed' has come round to the gateway that passed it on", answer, StringComparison.Ordinal);
        foreach (GatewayProcess each in new[] { front, other })
        {
            string metrics = await MetricsAsync(each);
            Assert.Equal(1, Sum(metrics, "gateway_remote_failures_total"));
            Assert.Equal(0, Sum(metrics, "gateway_remote_batches_total"));
        }
    }

    [Theory]
    [InlineData(Lie.Garbage, "what is not JSON")]
    [InlineData(Lie.HalfABody, "broke off within its answer")]
    [InlineData(Lie.Never, "has not answered within")]
    [InlineData(Lie.TooLong, "answered with more than the 100000 bytes")]
    public async Task UpstreamThatLies_FailsItsModelClearly_AndHurtsNoOther(Lie lie, string text)
    {
        using TimedRepository models = new(objectiveMilliseconds: 10_000);
        await using LyingUpstream liar = await LyingUpstream.StartAsync(lie);
        using FrontRepository repository = new(
            liar.Address,
            $$"""parameters { key: "timeout_ms" value { string_value: "{{(lie == Lie.Never ? 300 : 9000)}}" } } parameters { key: "max_response_bytes" value { string_value: "100000" } }""",
            "timed");
        Directory.Move(Path.Combine(repository.Folder, "timed"), Path.Combine(repository.Folder, "lying"));
        string config = Path.Combine(repository.Folder, "lying", "config.pbtxt");
        await File.AppendAllTextAsync(config, """ parameters { key: "model_name" value { string_value: "timed" } }""", TestContext.Current.CancellationToken);
        await using GatewayProcess front = await GatewayProcess.ServeTimedAsync("--model-repository", repository.Folder, "--model-repository", models.Folder);
        using FleetClient client = new(front.HttpAddress);

        Task good = client.SendAsync(50, TimeSpan.FromSeconds(1));
        (HttpStatusCode status, string answer) = await PostAsync(front, "lying", """{"inputs":[{"name":"x","datatype":"INT64","shape":[1,1],"data":[1]}]}""");
        await good;

        Assert.Contains(text, answer, StringComparison.Ordinal);
        Assert.Equal(lie == Lie.Never ? HttpStatusCode.ServiceUnavailable : HttpStatusCode.InternalServerError, status);
        Assert.Empty(client.Problems);
        Assert.Equal(50, client.Good);
    }

    [Fact]
    public async Task Stop_WhileTheListOfAModelIsAskedFor_WhoseUpstreamNeverAnswers_Ends()
    {
        await using LyingUpstream liar = await LyingUpstream.StartAsync(Lie.Never);
        using FrontRepository repository = new(liar.Address, """response_cache { enable: true } parameters { key: "timeout_ms" value { string_value: "3600000" } }""", "timed");
        string folder = Path.Combine(repository.Folder, "timed");
        await File.WriteAllTextAsync(Path.Combine(folder, "gateway.json"), """{"cache":{"warm_up":"list.jsonl"}}""", TestContext.Current.CancellationToken);
        await File.WriteAllLinesAsync(
            Path.Combine(folder, "list.jsonl"),
            Enumerable.Range(0, 100).Select(i => $$"""{"inputs":[{"name":"x","datatype":"INT64","shape":[1,1],"data":[{{i}}]}]}"""),
            TestContext.Current.CancellationToken);
        await using GatewayProcess front = await GatewayProcess.ServeAsync("--model-repository", repository.Folder, "--exit-timeout-secs", "1");
        await liar.Asked.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        front.Signal(GatewayProcess.Terminate);
        await front.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Upstream_AwayAtTheStart_MakesTheModelUnavailable_UntilPollingFindsIt()
    {
        using TimedRepository models = new();
        string port = FreePort();
        using FrontRepository repository = new($"http://127.0.0.1:{port}", "", "timed");
        await using GatewayProcess front = await GatewayProcess.ServeTimedAsync("--model-repository", repository.Folder, "--model-control-mode", "poll", "--repository-poll-secs", "1");
        Assert.Contains("the server that runs the model cannot be reached: Connection refused", front.Error, StringComparison.Ordinal);
        (HttpStatusCode status, _) = await PostAsync(front, "timed", "{}");
        Assert.NotEqual(HttpStatusCode.OK, status);

        await using GatewayProcess upstream = await ServeTimedAsync(models, port);

        await RecoveredAsync(front);
    }

    /// <summary>Waits until the model is served.</summary>
    private async Task RecoveredAsync(GatewayProcess front)
    {
        while ((await PostAsync(front, "timed", """{"inputs":[{"name":"x","datatype":"INT64","shape":[1,1],"data":[41]}]}""")).Status != HttpStatusCode.OK) await DelayAsync(0.1);
    }

    private static Task<GatewayProcess> ServeTimedAsync(TimedRepository models, string port, bool isGrpc = false) =>
        GatewayProcess.ServeTimedAsync("--model-repository", models.Folder, isGrpc ? "--grpc-port" : "--http-port", port);

    private static string AddressOf(GatewayProcess upstream, bool isGrpc) => isGrpc ? upstream.GrpcAddress.Replace("http://", "grpc://", StringComparison.Ordinal) : upstream.HttpAddress;

    private static Task DelayAsync(double seconds) => Task.Delay(TimeSpan.FromSeconds(seconds), TimeProvider.System, TestContext.Current.CancellationToken);

    private async Task<string> OutputsAsync(GatewayProcess process, string model, string body)
    {
        (HttpStatusCode status, string answer) = await PostAsync(process, model, body);
        Assert.True(status == HttpStatusCode.OK, answer);
        using JsonDocument json = JsonDocument.Parse(answer);
        return json.RootElement.GetProperty("outputs").GetRawText();
    }

    private async Task<(HttpStatusCode Status, string Answer)> PostAsync(GatewayProcess process, string model, string body)
    {
        using StringContent content = new(body, Encoding.UTF8, "application/json");
        using HttpResponseMessage answer = await _http.PostAsync(new Uri($"{process.HttpAddress}/v2/models/{model}/infer"), content, TestContext.Current.CancellationToken);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    private Task<string> MetricsAsync(GatewayProcess process) => _http.GetStringAsync(new Uri(process.MetricsAddress), TestContext.Current.CancellationToken);

    /// <summary>An image of a digit, or of none; another for each seed.</summary>
    private static string Digit(int seed)
    {
        Random random = new(seed);
        string pixels = string.Join(',', Enumerable.Range(0, 64).Select(_ => random.Next(17).ToString(CultureInfo.InvariantCulture)));
        return $$"""{"inputs":[{"name":"image","datatype":"FP32","shape":[1,1,8,8],"data":[{{pixels}}]}]}""";
    }

    private static long Sum(string metrics, string start) =>
        metrics.Split('\n').Where(line => line.StartsWith(start, StringComparison.Ordinal)).Sum(line => long.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));

    private static string FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
    }
}
