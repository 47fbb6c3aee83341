using System.Net;
using Gateway.Client;
using Gateway.Protocol;
using Gateway.TestSupport.Grpc;

namespace Gateway.IntegrationTests.Overflow;

/// <summary>Answers that are kept by one of several servers each: by a server that is all there is of its ring, which looks for what its cache has not got and then serves it itself, and by three.</summary>
public sealed class AffinityTests : FleetTesting
{
    private const int ResourceExhausted = 8;

    // The rows of two requests, of which the second makes it next to nothing; then there is nothing for days.
    private static readonly Dictionary<string, string> TwoRows = new() { ["GATEWAY__TENANTS__DEFAULT__MAXROWSPERSECOND"] = "0.00001", ["GATEWAY__TENANTS__DEFAULT__ROWBURST"] = "2" };

    /// <summary>Over each protocol: its tenant's rows are drawn and counted once a request, and it leaves once.</summary>
    [Theory]
    [InlineData("HTTP")]
    [InlineData("MessagePack")]
    [InlineData("frames")]
    [InlineData("gRPC")]
    [InlineData("stream")]
    public async Task OwnKey_CountsForItsTenantOnce(string over)
    {
        using TimedRepository repository = MakeRepository();
        await using GatewayProcess one = await ServeKeptAsync(repository, TwoRows);
        await AwaitReportsAsync(one);

        List<bool> taken = [];
        for (int number = 0; number < 4; number++) taken.Add(await AskAsync(one, over, number));

        Assert.Equal([true, true, true, false], taken);
        string metrics = await MetricsAsync(one);
        for (int i = 0; i < 100 && Sum(metrics, "gateway_tenant_in_flight_requests") != 0; i++)
        {
            // A request leaves once its answer has been written.
            await DelayAsync(0.05);
            metrics = await MetricsAsync(one);
        }

        Assert.Equal(
            (4L, 3L, 1L, 0L),
            (Sum(metrics, "gateway_tenant_requests_total"), Sum(metrics, "gateway_tenant_rows_total"), Sum(metrics, "gateway_tenant_refused_requests_total"), Sum(metrics, "gateway_tenant_in_flight_requests")));
    }

    [Fact]
    public async Task StreamThatSaysNoStore_IsNotKept_WhereItIsServedAfterAll()
    {
        using TimedRepository repository = MakeRepository();
        await using GatewayProcess one = await ServeKeptAsync(repository, []);
        await AwaitReportsAsync(one);
        using HttpClient http = new() { BaseAddress = new Uri(one.HttpAddress) };

        Assert.True(await StreamAsync(one, 1));
        Assert.True(await StreamAsync(one, 2, cacheControl: "no-store"));

        using HttpResponseMessage kept = await PostAsync(http, 1);
        using HttpResponseMessage notKept = await PostAsync(http, 2);
        Assert.Equal(["gateway; hit"], kept.Headers.GetValues("Cache-Status"));
        Assert.Equal(["gateway; fwd=miss; stored"], notKept.Headers.GetValues("Cache-Status"));
    }

    // By hand: how many are computed twice depends on how busy the machine is.
    [Fact(Explicit = true)]
    public async Task ThreeOfARing_EachAnswerIsComputedByOne_WhoeverIsAsked()
    {
        const int Keys = 60;
        using TimedRepository kept = new(cache: """{ "enable": true, "affinity": true }""");
        int[] ports = FreePorts(3);
        string[] addresses = [.. ports.Select(port => $"http://127.0.0.1:{port}")];
        await using GatewayProcess a = await ServeKeptAsync(0);
        await using GatewayProcess b = await ServeKeptAsync(1);
        await using GatewayProcess c = await ServeKeptAsync(2);
        GatewayProcess[] all = [a, b, c];
        foreach (GatewayProcess process in all) await AwaitReportsAsync(process, replicas: 3);

        using HttpClient http = new();
        int elsewhere = 0;
        foreach (GatewayProcess asked in new[] { a, b, a, c })
        {
            for (int key = 0; key < Keys; key++) elsewhere += await AskAsync(http, asked, key) ? 1 : 0;
        }

        Assert.True(elsewhere >= 10, $"{elsewhere} elsewhere");
        List<long> misses = [];
        long givenUp = 0;
        foreach (GatewayProcess process in all)
        {
            string metrics = await MetricsAsync(process);
            misses.Add(Sum(metrics, "nv_cache_num_misses_per_model"));
            givenUp += Unanswered(metrics);
        }

        // What was given up on the way has been computed all the same, and once more by another; so has, now and then, what an owner seemed too busy for. Three caches of their own would have computed thrice as much.
        Assert.InRange(misses.Sum(), Keys, Keys + (Keys / 2) + givenUp);

        Task<GatewayProcess> ServeKeptAsync(int own) => GatewayProcess.ServeTimedAsync(
            ["--model-repository", kept.Folder, "--cache-config", "local,size=16777216", "--overflow-poll-ms", "1000", "--http-port", Text(ports[own]), .. addresses.SelectMany(address => new[] { "--overflow-replica", address })]);
    }

    /// <summary>What is older than a stream wants it is run, be it that its owner is looked for first, or that answers have no owners.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task StreamThatSaysHowOldAnswersMayBe_GetsNoOlderOne(bool hasAffinity)
    {
        using TimedRepository repository = hasAffinity ? MakeRepository() : new TimedRepository(objectiveMilliseconds: 5000, cache: """{ "enable": true }""");
        await using GatewayProcess one = await ServeKeptAsync(repository, []);
        await AwaitReportsAsync(one);

        Assert.True(await StreamAsync(one, 1));
        await DelayAsync(2.1);
        Assert.True(await StreamAsync(one, 1, cacheControl: "max-age=100"));
        Assert.Equal(1, Sum(await MetricsAsync(one), "nv_inference_exec_count"));
        Assert.True(await StreamAsync(one, 1, cacheControl: "max-age=1"));
        Assert.Equal(2, Sum(await MetricsAsync(one), "nv_inference_exec_count"));
    }

    private static TimedRepository MakeRepository() => new(objectiveMilliseconds: 5000, cache: """{ "enable": true, "affinity": true }""");

    private static Task<GatewayProcess> ServeKeptAsync(TimedRepository repository, Dictionary<string, string> environment)
    {
        string port = Text(FreePorts(1)[0]);
        return GatewayProcess.ServeTimedAsync(environment, "--model-repository", repository.Folder, "--cache-config", "local,size=16777216", "--http-port", port, "--overflow-replica", $"http://127.0.0.1:{port}");
    }

    /// <returns>Whether it is answered; false when a limit of its tenant's keeps it out.</returns>
    private static async Task<bool> AskAsync(GatewayProcess asked, string over, int number)
    {
        switch (over)
        {
            case "HTTP":
                using (HttpClient http = new() { BaseAddress = new Uri(asked.HttpAddress) })
                using (HttpResponseMessage answer = await PostAsync(http, number))
                {
                    string text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
                    Assert.True(answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.TooManyRequests, text);
                    if (answer.StatusCode == HttpStatusCode.OK) Assert.Contains($"\"data\":[{Text(number + 1)}]", text, StringComparison.Ordinal);
                    return answer.StatusCode == HttpStatusCode.OK;
                }

            case "MessagePack":
                return await InferAsync(asked.HttpAddress, number);
            case "frames":
                return await InferAsync(asked.FramesAddress, number);
            case "gRPC":
                using (GrpcChannel channel = new(asked.GrpcAddress))
                using (GrpcCall call = channel.Open(InferCodec.InferPath))
                {
                    await call.WriteAsync(StreamOfNumbers.Request(number));
                    call.Close();
                    bool isAnswered = await call.ReadAsync() is not null;
                    Assert.Equal(isAnswered ? 0 : ResourceExhausted, isAnswered && await call.ReadAsync() is not null ? -1 : await call.StatusAsync());
                    return isAnswered;
                }

            default:
                return await StreamAsync(asked, number);
        }
    }

    private static async Task<HttpResponseMessage> PostAsync(HttpClient http, int number)
    {
        using StringContent body = new($$"""{"inputs":[{"name":"x","datatype":"INT64","shape":[1,1],"data":[{{Text(number)}}]}]}""");
        return await http.PostAsync(new Uri("/v2/models/timed/infer", UriKind.Relative), body, TestContext.Current.CancellationToken);
    }

    private static async Task<bool> InferAsync(string address, long number)
    {
        await using InferenceClient client = new(new InferenceClientOptions { Endpoints = { address }, MaxAttempts = 1 });
        try
        {
            using InferenceResponse answer = await client.InferAsync(new InferenceRequest("timed").AddInput("x", new[] { number }, 1, 1), TestContext.Current.CancellationToken);
            Assert.Equal(number + 1, answer.Output("y").AsSpan<long>()[0]);
            return true;
        }
        catch (InferenceException error) when (error.Status == StatusCode.ResourceExhausted)
        {
            return false;
        }
    }

    private static async Task<bool> StreamAsync(GatewayProcess asked, int number, string? cacheControl = null)
    {
        (string error, long got) = await StreamOfNumbers.AskAsync(asked, number, cacheControl);
        Assert.True(error.Length == 0 ? got == number + 1 : error.Contains("rows a second", StringComparison.Ordinal), error);
        return error.Length == 0;
    }
}
