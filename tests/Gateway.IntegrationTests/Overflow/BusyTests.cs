using System.Net;
using System.Text;
using Gateway.Client;
using Gateway.Protocol;
using Gateway.TestSupport.Grpc;

namespace Gateway.IntegrationTests.Overflow;

/// <summary>Two servers with a model of half a second a run, of which one runs it, so that what comes next would be late there: it goes to the other, unless the cache here has its answer.</summary>
public sealed class BusyTests : FleetTesting
{
    // Two runs, one after the other, are late for most of the first; one that is sent to the other server is not.
    private const int RunMilliseconds = 500;
    private const int ObjectiveMilliseconds = 800;

    private const string Answered = "answered";
    private const string Unavailable = "unavailable";
    private const string NotCached = "not cached";

    /// <summary>Nothing waits here: the one that runs is given to its instance already.</summary>
    [Fact]
    public async Task OneRuns_AndNoneWaits_TheNextIsServedByTheOther()
    {
        using TimedRepository repository = new(ObjectiveMilliseconds, runMilliseconds: RunMilliseconds);
        await using GatewayProcess other = await GatewayProcess.ServeTimedAsync("--model-repository", repository.Folder);
        await using GatewayProcess one = await ServeAsync(repository, other);
        await AwaitWarmthAsync(one);
        foreach (string over in new[] { "HTTP", "MessagePack", "frames", "gRPC", "stream", "generate", "generate_stream" })
        {
            Assert.Equal((over, Answered), (over, await AskAsync(one, over, 1)));
            long sent = await SentAsync(one);

            // On a machine that stalls both may run together; then it is tried again.
            for (int number = 10; number < 50 && await SentAsync(one) == sent; number += 10)
            {
                Task<string> first = AskAsync(one, over, number);
                await RunsAsync(one, first);
                Assert.Equal((over, Answered), (over, await AskAsync(one, over, number + 1)));
                Assert.Equal((over, Answered), (over, await first));
            }

            Assert.Equal((over, sent + 1), (over, await SentAsync(one)));
        }

        string metrics = await MetricsAsync(one);
        Assert.Equal(Sent(metrics), Sum(metrics, "gateway_replica_requests_total{outcome=\"answered\""));
    }

    /// <summary>A time that the body alone says is seen too late to be foreseen, and the request is kept for that.</summary>
    [Fact]
    public async Task TimeThatTheBodyAloneSays_IsRefusedHere_AndServedByTheOther()
    {
        using TimedRepository repository = new(objectiveMilliseconds: 0, runMilliseconds: RunMilliseconds);
        await using GatewayProcess other = await GatewayProcess.ServeTimedAsync("--model-repository", repository.Folder);
        await using GatewayProcess one = await ServeAsync(repository, other);
        await AwaitWarmthAsync(one);
        Assert.Equal(Answered, await AskAsync(one, "timeout", 1));

        for (int number = 10; number < 50 && await SentAsync(one) == 0; number += 10)
        {
            Task<string> first = AskAsync(one, "timeout", number);
            await RunsAsync(one, first);
            Assert.Equal(Answered, await AskAsync(one, "timeout", number + 1));
            Assert.Equal(Answered, await first);
        }

        Assert.Equal(1, await SentAsync(one));
    }

    /// <summary>What is kept here is answered here though it would leave, and what is not is not run for one who wants no run; all others leave.</summary>
    [Fact]
    public async Task KeptHere_IsAnsweredHere_WhileOneRuns()
    {
        using TimedRepository repository = new(ObjectiveMilliseconds, cache: """{ "enable": true }""", runMilliseconds: RunMilliseconds);
        await using GatewayProcess other = await GatewayProcess.ServeTimedAsync("--model-repository", repository.Folder);
        await using GatewayProcess one = await ServeAsync(repository, other);
        await AwaitWarmthAsync(one);
        long number = 0;
        foreach (string over in new[] { "HTTP", "MessagePack", "frames", "gRPC", "stream", "generate" })
        {
            long kept = ++number;
            Assert.Equal((over, Answered), (over, await AskAsync(one, over, kept)));
            long sent = await SentAsync(one);
            for (int attempt = 0; attempt < 4 && await SentAsync(one) == sent; attempt++)
            {
                Task<string> first = AskAsync(one, over, ++number);
                await RunsAsync(one, first);
                Assert.Equal((over, Answered), (over, await AskAsync(one, over, kept)));
                Assert.Equal((over, Answered), (over, await AskAsync(one, over, kept, CacheDirective.OnlyIfCached)));
                Assert.Equal((over, NotCached), (over, await AskAsync(one, over, ++number, CacheDirective.OnlyIfCached)));
                Assert.Equal((over, sent), (over, await SentAsync(one)));
                Assert.Equal((over, Answered), (over, await AskAsync(one, over, ++number)));
                Assert.Equal((over, Answered), (over, await first));
            }

            Assert.Equal((over, sent + 1), (over, await SentAsync(one)));
        }

        // One who wants it run has nothing to look for.
        foreach (string over in new[] { "HTTP", "frames", "gRPC" })
        {
            long sent = await SentAsync(one);
            for (int attempt = 0; attempt < 4 && await SentAsync(one) == sent; attempt++)
            {
                Task<string> first = AskAsync(one, over, ++number);
                await RunsAsync(one, first);
                Assert.Equal((over, Answered), (over, await AskAsync(one, over, 1, CacheDirective.Refresh)));
                Assert.Equal((over, Answered), (over, await first));
            }

            Assert.Equal((over, sent + 1), (over, await SentAsync(one)));
        }
    }

    private static Task<GatewayProcess> ServeAsync(TimedRepository repository, GatewayProcess other) =>
        GatewayProcess.ServeTimedAsync("--model-repository", repository.Folder, "--cache-config", "local,size=16777216", "--overflow-poll-ms", "500", "--overflow-replica", other.HttpAddress);

    private static async Task AwaitWarmthAsync(GatewayProcess process)
    {
        await AwaitReportsAsync(process);
        await AwaitReportsAsync(process, over: "gRPC");
    }

    /// <summary>Waits until a request, the only one, runs or was answered.</summary>
    private static async Task RunsAsync(GatewayProcess process, Task request)
    {
        while (!request.IsCompleted && await UnderWayAsync(process) == 0) await DelayAsync(0.01);
    }

    private static async Task<long> UnderWayAsync(GatewayProcess process)
    {
        string metrics = await MetricsAsync(process);
        return Sum(metrics, "gateway_requests_accepted_total") - Sum(metrics, "gateway_requests_total");
    }

    private static async Task<long> SentAsync(GatewayProcess process) => Sent(await MetricsAsync(process));

    /// <returns>What became of it.</returns>
    private static async Task<string> AskAsync(GatewayProcess asked, string over, long number, CacheDirective use = CacheDirective.Use)
    {
        string? control = use switch
        {
            CacheDirective.OnlyIfCached => "only-if-cached",
            CacheDirective.Refresh => "no-cache",
            _ => null,
        };
        string text = number.ToString(System.Globalization.CultureInfo.InvariantCulture);
        string input = $$"""{"inputs":[{"name":"x","datatype":"INT64","shape":[1,1],"data":[{{text}}]}]""";
        return over switch
        {
            "HTTP" => await PostAsync(asked, "infer", $"{input}}}", control, number),
            "timeout" => await PostAsync(asked, "infer", $"{input},\"parameters\":{{\"timeout\":{Text(1000 * ObjectiveMilliseconds)}}}}}", control, number),
            "generate" or "generate_stream" => await PostAsync(asked, over, $$"""{"x":{{text}}}""", control, number),
            "MessagePack" => await InferAsync(asked.HttpAddress, number, use),
            "frames" => await InferAsync(asked.FramesAddress, number, use),
            "gRPC" => await CallAsync(asked, number, control),
            _ => await StreamAsync(asked, number, control),
        };
    }

    private static async Task<string> PostAsync(GatewayProcess asked, string path, string json, string? cacheControl, long number)
    {
        using HttpClient http = new();
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri(new Uri(asked.HttpAddress), $"/v2/models/timed/{path}")) { Content = new StringContent(json, Encoding.UTF8, "application/json") };
        if (cacheControl is not null) request.Headers.TryAddWithoutValidation("Cache-Control", cacheControl);
        using HttpResponseMessage answer = await http.SendAsync(request, TestContext.Current.CancellationToken);
        string text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        if (answer.StatusCode == HttpStatusCode.ServiceUnavailable) return Unavailable;
        if (answer.StatusCode == HttpStatusCode.GatewayTimeout) return NotCached;
        Assert.True(answer.IsSuccessStatusCode, text);
        Assert.Equal(path == "generate_stream", text.StartsWith("data: {", StringComparison.Ordinal) && text.EndsWith("}\n\n", StringComparison.Ordinal) && answer.Content.Headers.ContentType?.MediaType == "text/event-stream");
        Assert.Contains($"{number + 1}", text, StringComparison.Ordinal);
        return Answered;
    }

    private static async Task<string> InferAsync(string address, long number, CacheDirective use)
    {
        await using InferenceClient client = new(new InferenceClientOptions { Endpoints = { address }, MaxAttempts = 1 });
        InferenceRequest request = new InferenceRequest("timed") { Timeout = TimeSpan.FromMilliseconds(ObjectiveMilliseconds) }.AddInput("x", new[] { number }, 1, 1);
        request.Cache = use;
        try
        {
            using InferenceResponse answer = await client.InferAsync(request, TestContext.Current.CancellationToken);
            Assert.Equal(number + 1, answer.Output("y").AsSpan<long>()[0]);
            return Answered;
        }
        catch (InferenceException error) when (error.Status is StatusCode.Unavailable or StatusCode.NotCached)
        {
            return error.Status == StatusCode.NotCached ? NotCached : Unavailable;
        }
    }

    private static async Task<string> CallAsync(GatewayProcess asked, long number, string? cacheControl)
    {
        const int FailedPrecondition = 9;
        const int UnavailableStatus = 14;
        using GrpcChannel channel = new(asked.GrpcAddress);
        using GrpcCall call = channel.Open(InferCodec.InferPath, cacheControl: cacheControl);
        await call.WriteAsync(StreamOfNumbers.Request(number));
        call.Close();
        if (await call.ReadAsync() is { } message)
        {
            Assert.True(message.AsSpan().IndexOf(BitConverter.GetBytes(number + 1)) >= 0);
            return Answered;
        }

        int status = await call.StatusAsync();
        Assert.True(status is FailedPrecondition or UnavailableStatus, $"status {status}");
        return status == FailedPrecondition ? NotCached : Unavailable;
    }

    private static async Task<string> StreamAsync(GatewayProcess asked, long number, string? cacheControl)
    {
        (string error, long got) = await StreamOfNumbers.AskAsync(asked, number, cacheControl);
        if (error.Contains("only-if-cached", StringComparison.Ordinal)) return NotCached;
        if (error.Length > 0) return Unavailable;
        Assert.Equal(number + 1, got);
        return Answered;
    }
}
