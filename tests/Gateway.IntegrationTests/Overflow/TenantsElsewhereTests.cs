using System.Net;
using System.Text.RegularExpressions;
using Gateway.Client;
using Gateway.Protocol;
using Gateway.TestSupport.Grpc;

namespace Gateway.IntegrationTests.Overflow;

/// <summary>A request that the queue here refuses and a replica answers: for its tenant it is under way until then, and no refusal.</summary>
public sealed class TenantsElsewhereTests : FleetTesting
{
    private const int GrpcUnavailable = 14;
    private const int GrpcResourceExhausted = 8;

    // Too little for a run here, enough for one there; and too little for both.
    private const int EnoughElsewhereMilliseconds = 1700;
    private const int EnoughNowhereMilliseconds = 400;

    // Each answer is kept by one of the two, so that all are first looked at here, and none leaves before the queue here has refused it.
    private const string Kept = """{ "enable": true, "affinity": true }""";

    private static readonly Dictionary<string, string> OneAtATime = new() { ["GATEWAY__TENANTS__DEFAULT__MAXCONCURRENCY"] = "1" };

    private enum Outcome
    {
        Answered,
        Refused,
        OverTheLimit,
    }

    [Fact]
    public async Task RefusedHere_AnsweredElsewhere_IsUnderWayForItsTenant_AndIsNoRefusal()
    {
        using TimedRepository slow = new(objectiveMilliseconds: 0, cache: Kept, runMilliseconds: 2000);
        using TimedRepository fast = new(objectiveMilliseconds: 0, cache: Kept, runMilliseconds: 800);
        int[] ports = FreePorts(2);
        await using GatewayProcess here = await StartAsync(slow, ports, 0);
        await using GatewayProcess there = await StartAsync(fast, ports, 1);
        await AwaitReportsAsync(here, replicas: 2);
        await AwaitReportsAsync(here, replicas: 2, over: "gRPC");
        foreach (string over in new[] { "HTTP", "MessagePack", "frames", "gRPC", "stream" }) await RefusedHereAsync(here, over);
    }

    private static async Task RefusedHereAsync(GatewayProcess here, string over)
    {
        string before = await IdleAsync(here);
        (long all, long refused, long late) = (Sum(before, "gateway_tenant_requests_total"), Sum(before, "gateway_tenant_refused_requests_total"), RefusedForTime(before));
        Task<Outcome> away = AskAsync(here, over, 1, EnoughElsewhereMilliseconds);
        while (Sum(await MetricsAsync(here), "gateway_replica_in_flight_requests") == 0 && !away.IsCompleted) await DelayAsync(0.02);
        long underWay = Sum(await MetricsAsync(here), "gateway_tenant_in_flight_requests");
        Outcome second = await AskAsync(here, over, 2, EnoughElsewhereMilliseconds);

        Assert.False(away.IsCompleted, $"{over}: it was away for too short a time: {(away.IsCompleted ? await away : null)}, {underWay} under way, then {second}");
        Assert.Equal((over, 1, Outcome.OverTheLimit), (over, underWay, second));
        Assert.Equal((over, Outcome.Answered), (over, await away));
        string after = await IdleAsync(here);
        Assert.Equal((over, late, refused + 1), (over, RefusedForTime(after), Sum(after, "gateway_tenant_refused_requests_total")));

        // Of one that nobody has time for.
        Assert.Equal((over, Outcome.Refused), (over, await AskAsync(here, over, 3, EnoughNowhereMilliseconds)));
        after = await IdleAsync(here);
        Assert.Equal((over, late + 1, refused + 2), (over, RefusedForTime(after), Sum(after, "gateway_tenant_refused_requests_total")));
        Assert.Equal((over, all + 3), (over, Sum(after, "gateway_tenant_requests_total")));
    }

    private static long RefusedForTime(string metrics) => metrics.Split('\n').Where(line => Regex.IsMatch(line, "^gateway_tenant_refused_requests_total{reason=\"deadline_")).Sum(line => Sum(line, "gateway_tenant_"));

    private static Task<GatewayProcess> StartAsync(TimedRepository repository, int[] ports, int own) => GatewayProcess.ServeTimedAsync(
        OneAtATime,
        ["--model-repository", repository.Folder, "--cache-config", "local,size=16777216", "--http-port", Text(ports[own]), .. ports.SelectMany(port => new[] { "--overflow-replica", $"http://127.0.0.1:{Text(port)}" })]);

    /// <summary>The metrics once its tenant has nothing under way: a request leaves once its answer has been written.</summary>
    private static async Task<string> IdleAsync(GatewayProcess process)
    {
        string metrics = await MetricsAsync(process);
        for (int i = 0; i < 100 && Sum(metrics, "gateway_tenant_in_flight_requests") != 0; i++)
        {
            await DelayAsync(0.05);
            metrics = await MetricsAsync(process);
        }

        Assert.Equal(0, Sum(metrics, "gateway_tenant_in_flight_requests"));
        return metrics;
    }

    /// <summary>Asks for it to be run, within some time.</summary>
    private static async Task<Outcome> AskAsync(GatewayProcess asked, string over, int number, int milliseconds) => over switch
    {
        "HTTP" => await PostAsync(asked, number, milliseconds),
        "MessagePack" => await InferAsync(asked.HttpAddress, number, milliseconds),
        "frames" => await InferAsync(asked.FramesAddress, number, milliseconds),
        "gRPC" => await CallAsync(asked, number, milliseconds),
        _ => await StreamAsync(asked, number, milliseconds),
    };

    private static async Task<Outcome> PostAsync(GatewayProcess asked, int number, int milliseconds)
    {
        using HttpClient http = new();
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri(new Uri(asked.HttpAddress), "/v2/models/timed/infer"))
        {
            Content = new StringContent($$"""{"inputs":[{"name":"x","datatype":"INT64","shape":[1,1],"data":[{{Text(number)}}]}]}"""),
            Headers = { { "Cache-Control", "no-cache" }, { "Inference-Timeout-Ms", Text(milliseconds) } },
        };
        using HttpResponseMessage answer = await http.SendAsync(request, TestContext.Current.CancellationToken);
        return answer.StatusCode switch
        {
            HttpStatusCode.OK => Outcome.Answered,
            HttpStatusCode.ServiceUnavailable => Outcome.Refused,
            HttpStatusCode.TooManyRequests => Outcome.OverTheLimit,
            _ => throw new InvalidOperationException(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)),
        };
    }

    private static async Task<Outcome> InferAsync(string address, long number, int milliseconds)
    {
        await using InferenceClient client = new(new InferenceClientOptions { Endpoints = { address }, MaxAttempts = 1 });
        InferenceRequest request = new InferenceRequest("timed") { Timeout = TimeSpan.FromMilliseconds(milliseconds), Cache = CacheDirective.Refresh }.AddInput("x", new[] { number }, 1, 1);
        try
        {
            using InferenceResponse answer = await client.InferAsync(request, TestContext.Current.CancellationToken);
            return Outcome.Answered;
        }
        catch (InferenceException error) when (error.Status is StatusCode.ResourceExhausted or StatusCode.Unavailable)
        {
            return error.Status == StatusCode.Unavailable ? Outcome.Refused : Outcome.OverTheLimit;
        }
    }

    private static async Task<Outcome> CallAsync(GatewayProcess asked, int number, int milliseconds)
    {
        using GrpcChannel channel = new(asked.GrpcAddress);
        using GrpcCall call = channel.Open(InferCodec.InferPath, timeout: $"{Text(milliseconds)}m", cacheControl: "no-cache");
        await call.WriteAsync(StreamOfNumbers.Request(number));
        call.Close();
        while (await call.ReadAsync() is not null)
        {
        }

        return await call.StatusAsync() switch
        {
            0 => Outcome.Answered,
            GrpcUnavailable => Outcome.Refused,
            GrpcResourceExhausted => Outcome.OverTheLimit,
            int other => throw new InvalidOperationException($"gRPC status {other}"),
        };
    }

    private static async Task<Outcome> StreamAsync(GatewayProcess asked, int number, int milliseconds)
    {
        (string error, _) = await StreamOfNumbers.AskAsync(asked, number, cacheControl: "no-cache", inferenceTimeout: Text(milliseconds));
        return error.Length == 0 ? Outcome.Answered : error.Contains("requests in flight", StringComparison.Ordinal) ? Outcome.OverTheLimit : Outcome.Refused;
    }
}
