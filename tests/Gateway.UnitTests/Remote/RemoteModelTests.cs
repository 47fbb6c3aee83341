using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Gateway.Core.Models;
using Gateway.Core.Models.Repository;
using Gateway.Core.Tenants;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;
using Gateway.Server.Hosting;
using Gateway.Server.Metrics;
using Gateway.Server.Metrics.Gpu;
using Gateway.Server.Remote;
using Gateway.UnitTests.Metrics;
using Gateway.UnitTests.OpenInference;
using Microsoft.AspNetCore.Http;

namespace Gateway.UnitTests.Remote;

/// <summary>Models that a server on a real socket runs: what it is sent, what comes back, and what it may do wrong.</summary>
public sealed class RemoteModelTests
{
    [Theory]
    [InlineData("BOOL", 1)]
    [InlineData("UINT8", 1)]
    [InlineData("UINT16", 2)]
    [InlineData("UINT32", 4)]
    [InlineData("UINT64", 8)]
    [InlineData("INT8", 1)]
    [InlineData("INT16", 2)]
    [InlineData("INT32", 4)]
    [InlineData("INT64", 8)]
    [InlineData("FP16", 2)]
    [InlineData("BF16", 2)]
    [InlineData("FP32", 4)]
    [InlineData("FP64", 8)]
    public async Task EveryType_GoesThereAndBack(string type, int size)
    {
        await using FakeUpstream upstream = await FakeUpstream.StartAsync(type, "[-1,3]");
        await using RemoteRepository repository = await LoadAsync(upstream);
        byte[] tensor = [.. Enumerable.Range(1, 2 * 3 * size).Select(each => (byte)each)];

        RemoteAnswer answer = await repository.SendAsync(DataTypes.Parse(Encoding.UTF8.GetBytes(type)), [2, 3], tensor);

        Assert.Equal((StatusCode.Ok, "[2,3]"), (answer.Status, answer.Shape));
        Assert.Equal(tensor, answer.Bytes);
        Assert.Equal(("remote", new Uri(upstream.Address, "/v2/models/m").AbsoluteUri), (repository.Model.Placements[0].Provider, repository.Model.Placements[0].Device));
    }

    [Fact]
    public async Task Strings_OfManyRequests_ComeBackToWhoSentThem()
    {
        await using FakeUpstream upstream = await FakeUpstream.StartAsync("BYTES", "[-1,1]");
        await using RemoteRepository repository = await LoadAsync(upstream, "instance_group { count: 1 }");

        RemoteAnswer[] answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => repository.SendAsync(DataType.Bytes, [1, 1], Raw(new string('a', i)))));

        for (int i = 0; i < 40; i++) Assert.Equal(Raw(new string('a', i)), answers[i].Bytes);
        Assert.InRange(upstream.Batches.Count, 5, 39);
    }

    [Fact]
    public async Task ModelWithoutABatchDimension_RunsRequestsOneByOne()
    {
        await using FakeUpstream upstream = await FakeUpstream.StartAsync("INT64", "[2]", maxBatchSize: 0);
        await using RemoteRepository repository = await LoadAsync(upstream);

        RemoteAnswer answer = await repository.SendAsync(DataType.Int64, [2], new byte[16]);

        Assert.Equal((StatusCode.Ok, "[2]"), (answer.Status, answer.Shape));
        Assert.Equal("[2]", Input(upstream).GetProperty("shape").GetRawText());
    }

    [Fact]
    public async Task ServerWithoutConfigurations_IsCompletedFromItsMetadata()
    {
        await using FakeUpstream upstream = await FakeUpstream.StartAsync(maxBatchSize: null);
        await using RemoteRepository repository = await LoadAsync(upstream);

        Assert.Equal(4, repository.Model.Config.MaxBatchSize);
        Assert.Equal(5, (await repository.SendAsync(5)).Number);
    }

    [Fact]
    public async Task ManyRequests_AreSentAsFewBatches_EachAnsweredWithItsOwn()
    {
        await using FakeUpstream upstream = await FakeUpstream.StartAsync(maxBatchSize: 16);
        await using RemoteRepository repository = await LoadAsync(upstream);

        RemoteAnswer[] answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => repository.SendAsync(i, -i)));

        for (int i = 0; i < 200; i++) Assert.Equal([i, -i], answers[i].Numbers);
        Assert.InRange(upstream.Batches.Count, 25, 150);
        Assert.Equal(upstream.Batches.Count, repository.Counts.Answered);
        PrometheusText metrics = Scrape(repository);
        Assert.Equal(upstream.Batches.Count, metrics["gateway_remote_batches_total{model=\"m\",version=\"1\"}"]);
        Assert.Equal(0, metrics["gateway_remote_failures_total{kind=\"not_asked\",model=\"m\",version=\"1\"}"]);
        Assert.Equal(0, metrics["gateway_remote_breaker_state{model=\"m\",version=\"1\"}"]);
        Assert.Equal(2, metrics[$"gateway_model_provider{{device=\"{new Uri(upstream.Address, "/v2/models/m")}\",model=\"m\",provider=\"remote\",version=\"1\"}}"]);
    }

    [Fact]
    public async Task TimeLeft_AndTheToken_GoAlong()
    {
        const string Variable = "GATEWAY_REMOTE_TEST_TOKEN";
        Environment.SetEnvironmentVariable(Variable, "s3cret");
        await using FakeUpstream upstream = await FakeUpstream.StartAsync();
        await using RemoteRepository repository = await LoadAsync(upstream, "", ("access_token_variable", Variable));

        await repository.SendAsync(DataType.Int64, [1, 1], new byte[8], timeoutMicroseconds: 5_000_000);
        await repository.SendAsync(1);

        Assert.All(upstream.Batches, batch => Assert.Equal("Bearer s3cret", batch.Authorization));
        Assert.InRange(upstream.Batches.First().Head.GetProperty("parameters").GetProperty("timeout").GetInt64(), 1, 5_000_000);
        Assert.False(upstream.Batches.Last().Head.TryGetProperty("parameters", out _));
    }

    [Fact]
    public async Task TokenThatIsNotSet_IsSaidAtLoad()
    {
        await using FakeUpstream upstream = await FakeUpstream.StartAsync();
        await using RemoteRepository repository = new(upstream.Address, "", ("access_token_variable", "GATEWAY_REMOTE_NOBODY_SETS_THIS"));

        InferenceException error = await Assert.ThrowsAsync<InferenceException>(repository.LoadAsync);

        Assert.Contains("the environment variable GATEWAY_REMOTE_NOBODY_SETS_THIS, which 'access_token_variable' names, is not set", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(400, "row 3 is bad", StatusCode.InvalidArgument, "row 3 is bad")]
    [InlineData(500, "out of luck", StatusCode.Internal, "out of luck")]
    public async Task OneBadRow_IsFoundByHalves_AndTheOthersAreServed(int status, string text, StatusCode expected, string message)
    {
        await using FakeUpstream upstream = await FakeUpstream.StartAsync();
        await using RemoteRepository repository = await LoadAsync(upstream, "instance_group { count: 1 }");
        upstream.Infer = async (context, head, tensors) =>
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
            if (tensors.Chunk(8).Any(row => row[0] == 3))
            {
                context.Response.StatusCode = status;
                await context.Response.WriteAsync($$"""{"error":"{{text}}"}""");
                return;
            }

            await FakeUpstream.WriteAsync(context, "INT64", head.GetProperty("inputs")[0].GetProperty("shape").GetRawText(), tensors);
        };

        RemoteAnswer[] answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => repository.SendAsync(i)));

        Assert.Equal((expected, message), (answers[3].Status, answers[3].Error));
        for (int i = 0; i < 8; i++)
        {
            if (i != 3) Assert.Equal([i], answers[i].Numbers);
        }

        Assert.Equal(0, repository.Counts.BreakerState);
    }

    [Fact]
    public async Task BatchThatIsTooLarge_IsSentInHalves()
    {
        await using FakeUpstream upstream = await FakeUpstream.StartAsync();
        await using RemoteRepository repository = await LoadAsync(upstream, "instance_group { count: 1 }");
        upstream.Infer = async (context, head, tensors) =>
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
            if (tensors.Length > 2 * sizeof(long)) context.Response.StatusCode = 413;
            else await FakeUpstream.WriteAsync(context, "INT64", head.GetProperty("inputs")[0].GetProperty("shape").GetRawText(), tensors);
        };

        RemoteAnswer[] answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => repository.SendAsync(i)));

        for (int i = 0; i < 16; i++) Assert.Equal([i], answers[i].Numbers);
    }

    public static TheoryData<string, UpstreamFailure, StatusCode, string> Lies => new()
    {
        { "garbage", UpstreamFailure.Garbage, StatusCode.Internal, "answered with what is not JSON" },
        { "wrong rows", UpstreamFailure.Garbage, StatusCode.Internal, "output 'y' in shape [7,1] for a batch of 1, where [1,1] was expected" },
        { "wrong type", UpstreamFailure.Garbage, StatusCode.Internal, "output 'y' of type FP64 instead of INT64" },
        { "wrong output", UpstreamFailure.Garbage, StatusCode.Internal, "an output that was not asked for" },
        { "wrong header", UpstreamFailure.Garbage, StatusCode.Internal, "answered with an Inference-Header-Content-Length that does not fit its answer of 2 bytes" },
        { "half a body", UpstreamFailure.Truncated, StatusCode.Internal, "broke off within its answer, after 4 bytes" },
        { "half a chunked body", UpstreamFailure.Truncated, StatusCode.Internal, "broke off within its answer" },
        { "too long", UpstreamFailure.TooLarge, StatusCode.Internal, "answered with more than the" },
        { "too long in chunks", UpstreamFailure.TooLarge, StatusCode.Internal, "answered with more than the" },
        { "never", UpstreamFailure.TimedOut, StatusCode.Unavailable, "has not answered within" },
        { "never ends", UpstreamFailure.TimedOut, StatusCode.Unavailable, "has not ended its answer within" },
        { "hangs up", UpstreamFailure.Broken, StatusCode.Unavailable, "ended the connection without an answer" },
        { "elsewhere", UpstreamFailure.Garbage, StatusCode.Internal, "the server that runs the model answered 302" },
        { "full", UpstreamFailure.Refused, StatusCode.Unavailable, "the server that runs the model answered 503: Exceeds maximum queue size" },
        { "gone", UpstreamFailure.Refused, StatusCode.Unavailable, "the server that runs the model answered 404" },
        { "behind a proxy", UpstreamFailure.BadGateway, StatusCode.Unavailable, "the server that runs the model answered 502" },
    };

    [Theory]
    [MemberData(nameof(Lies))]
    public async Task Lie_FailsItsBatchClearly_AndTheNextIsServed(string lie, UpstreamFailure failure, StatusCode status, string text)
    {
        await using FakeUpstream upstream = await FakeUpstream.StartAsync();
        await using RemoteRepository repository = await LoadAsync(upstream, "", ("timeout_ms", "400"), ("max_response_bytes", "100000"));
        Assert.Equal(1, (await repository.SendAsync(1)).Number);
        upstream.Infer = (context, _, _) => LieAsync(context, lie);

        RemoteAnswer answer = await repository.SendAsync(2);

        Assert.Equal(status, answer.Status);
        Assert.Contains(text, answer.Error!, StringComparison.Ordinal);
        Assert.DoesNotContain("127.0.0.1", answer.Error!, StringComparison.Ordinal);
        Assert.Equal(1, repository.Counts.Failed(failure));
        Assert.Equal(failure == UpstreamFailure.Broken ? 1 : 0, repository.Counts.Retries);
        upstream.Infer = null;
        Assert.Equal(3, (await repository.SendAsync(3)).Number);
        Assert.Equal(0, repository.Counts.InFlight);
    }

    /// <summary>One that hangs has no more of an instance's time than the requests in the batch give.</summary>
    [Fact]
    public async Task Hangs_InstanceIsFree_OnceAllDeadlinesInTheBatchAreOver()
    {
        await using FakeUpstream upstream = await FakeUpstream.StartAsync();
        await using RemoteRepository repository = await LoadAsync(upstream, "instance_group [ { count: 1 } ]", ("timeout_ms", "60000"));
        Assert.Equal(1, (await repository.SendAsync(1)).Number);
        upstream.Infer = static (context, _, _) => LieAsync(context, "never");
        long start = TimeProvider.System.GetTimestamp();

        RemoteAnswer late = await repository.SendAsync(DataType.Int64, [1, 1], new byte[8], timeoutMicroseconds: 300_000);
        await Eventually.TrueAsync(() => repository.Counts.InFlight == 0, "the instance is free");

        Assert.NotEqual(StatusCode.Ok, late.Status);
        Assert.Equal((1, 0), (repository.Counts.Failed(UpstreamFailure.Overdue), repository.Counts.Failed(UpstreamFailure.TimedOut)));
        Assert.InRange(TimeProvider.System.GetElapsedTime(start).TotalSeconds, 0.3, 30);
        upstream.Infer = null;
        Assert.Equal(3, (await repository.SendAsync(3)).Number);
    }

    [Fact]
    public async Task ConnectionThatEnds_IsTriedAgainOnANewOne()
    {
        await using FakeUpstream upstream = await FakeUpstream.StartAsync();
        await using RemoteRepository repository = await LoadAsync(upstream);
        int calls = 0;
        upstream.Infer = (context, head, tensors) =>
        {
            if (++calls > 1) return FakeUpstream.WriteAsync(context, "INT64", "[1,1]", tensors);
            context.Abort();
            return Task.CompletedTask;
        };

        Assert.Equal(9, (await repository.SendAsync(9)).Number);
        Assert.Equal(1, repository.Counts.Retries);
    }

    [Fact]
    public async Task UpstreamThatDies_IsLeftAlone_AndFoundAgain()
    {
        int port = FreePort();
        FakeUpstream first = await FakeUpstream.StartAsync(port: port);
        await using RemoteRepository repository = await LoadAsync(first);
        Assert.Equal(1, (await repository.SendAsync(1)).Number);
        await first.DisposeAsync();

        List<string> errors = [];
        for (int i = 0; i < 6; i++)
        {
            RemoteAnswer answer = await repository.SendAsync(2);
            Assert.Equal(StatusCode.Unavailable, answer.Status);
            errors.Add(answer.Error!);
        }

        Assert.Contains("cannot be reached: Connection refused", errors[0], StringComparison.Ordinal);
        Assert.StartsWith("the server that runs the model is left alone for a moment, for it has failed too often: ", errors[^1], StringComparison.Ordinal);
        Assert.Equal(2, repository.Counts.BreakerState);
        Assert.True(repository.Counts.Failed(UpstreamFailure.NotAsked) > 0);

        await using FakeUpstream second = await FakeUpstream.StartAsync(port: port);
        RemoteAnswer last = await repository.SendAsync(3);
        while (last.Status != StatusCode.Ok)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, TestContext.Current.CancellationToken);
            last = await repository.SendAsync(3);
        }

        Assert.Equal([3], last.Numbers);
        Assert.Equal(0, repository.Counts.BreakerState);
    }

    [Fact]
    public async Task UpstreamAwayAtLoad_IsTriedAgainByPolling()
    {
        int port = FreePort();
        await using RemoteRepository repository = new(new Uri($"http://127.0.0.1:{port}"));
        InferenceException error = await Assert.ThrowsAsync<InferenceException>(repository.LoadAsync);
        Assert.Contains($"http://127.0.0.1:{port}/v2/models/m: the server that runs the model cannot be reached: Connection refused", error.Message, StringComparison.Ordinal);
        ModelStatus status = Assert.Single(repository.Repository.Index(readyOnly: false));
        Assert.Equal((ModelState.Unavailable, 1), (status.State, status.Version));
        await LookTwiceAsync(repository);
        Assert.Empty(repository.Repository.Index(readyOnly: true));

        await using FakeUpstream upstream = await FakeUpstream.StartAsync(port: port);
        upstream.Status = 503;
        await LookTwiceAsync(repository);
        Assert.EndsWith("answered 503: not here", Assert.Single(repository.Repository.Index(readyOnly: false)).Reason, StringComparison.Ordinal);
        upstream.Status = 200;
        await LookTwiceAsync(repository);

        Assert.Equal(4, (await repository.SendAsync(4)).Number);
    }

    [Fact]
    public async Task Mismatch_IsSaidAtLoad()
    {
        await using FakeUpstream upstream = await FakeUpstream.StartAsync();
        await using RemoteRepository repository = new(upstream.Address, "max_batch_size: 64");

        InferenceException error = await Assert.ThrowsAsync<InferenceException>(repository.LoadAsync);

        Assert.Contains("max_batch_size is 64, but the server that runs model 'm' takes 8 at most", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RemoteModel_InALoadRequest_IsRefused()
    {
        await using FakeUpstream upstream = await FakeUpstream.StartAsync();
        await using RemoteRepository repository = new(upstream.Address);
        LoadOverride given = new($$"""{"platform":"remote","parameters":{"url":{"string_value":"{{upstream.Address}}"} } }""", new Dictionary<string, byte[]>());

        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => repository.Repository.LoadAsync("m", given));

        Assert.Contains("cannot be given with a load", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unload_WhileAnAnswerNeverComes_CutsItShort()
    {
        await using FakeUpstream upstream = await FakeUpstream.StartAsync();
        await using RemoteRepository repository = await LoadAsync(upstream, "", ("timeout_ms", "60000"));
        upstream.Infer = static (context, _, _) => LieAsync(context, "never");
        Task<RemoteAnswer> stuck = repository.SendAsync(1);
        await Eventually.TrueAsync(() => repository.Counts.InFlight == 1, "the batch is under way");

        await repository.Repository.StopAsync(TimeSpan.FromMilliseconds(50));

        Assert.NotEqual(StatusCode.Ok, (await stuck).Status);
        Assert.Equal(0, repository.Counts.InFlight);
    }

    private static async Task<RemoteRepository> LoadAsync(FakeUpstream upstream, string config = "", params (string Name, string Value)[] parameters)
    {
        RemoteRepository repository = new(upstream.Address, config, parameters);
        await repository.LoadAsync();
        return repository;
    }

    // The first look finds that it is to be loaded, the second that it has settled.
    private static async Task LookTwiceAsync(RemoteRepository repository)
    {
        for (int i = 0; i < 2; i++)
        {
            repository.Poller.Look();
            await repository.Poller.WhenChangedAsync();
        }
    }

    private static async Task LieAsync(HttpContext context, string lie)
    {
        HttpResponse response = context.Response;
        switch (lie)
        {
            case "garbage":
                await response.WriteAsync("<html>It works!</html>");
                break;
            case "wrong rows":
                await FakeUpstream.WriteAsync(context, "INT64", "[7,1]", new byte[56]);
                break;
            case "wrong type":
                await FakeUpstream.WriteAsync(context, "FP64", "[1,1]", new byte[8]);
                break;
            case "wrong output":
                await FakeUpstream.WriteAsync(context, "INT64", "[1,1]", new byte[8], name: "z");
                break;
            case "wrong header":
                response.Headers["Inference-Header-Content-Length"] = "1000";
                await FakeUpstream.WriteAsync(context, "{}"u8.ToArray());
                break;
            case "half a body":
                response.ContentLength = 1000;
                await response.WriteAsync("half");
                await response.Body.FlushAsync();
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
                context.Abort();
                break;
            case "half a chunked body":
                await response.WriteAsync("half");
                await response.Body.FlushAsync();
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
                context.Abort();
                break;
            case "too long":
                response.ContentLength = 10_000_000;
                await response.Body.WriteAsync(new byte[10_000_000], context.RequestAborted);
                break;
            case "too long in chunks":
                for (int i = 0; i < 1000; i++) await response.Body.WriteAsync(new byte[10_000], context.RequestAborted);
                break;
            case "never ends":
                await response.WriteAsync("{");
                await response.Body.FlushAsync();
                await NeverAsync(context);
                break;
            case "hangs up":
                context.Abort();
                break;
            case "elsewhere":
                response.Redirect("http://127.0.0.1:1/");
                break;
            case "full":
                response.StatusCode = 503;
                await response.WriteAsync("""{"error":"Exceeds maximum queue size"}""");
                break;
            case "gone":
                response.StatusCode = 404;
                break;
            case "behind a proxy":
                response.StatusCode = 502;
                await response.WriteAsync("<html>Bad gateway</html>");
                break;
            default:
                await NeverAsync(context);
                break;
        }
    }

    private static Task NeverAsync(HttpContext context) =>
        Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted).ContinueWith(static _ => { }, TaskScheduler.Default);

    private static PrometheusText Scrape(RemoteRepository repository)
    {
        ArrayBufferWriter<byte> output = new();
        new MetricsPage(repository.Catalog, repository.Pool, new ConnectionCounts(), new MachineUsage(), new GpuUsage("no-such-library.so"), TenantDirectory.None, others: [new RemoteFamilies(repository.Backend)]).Write(output);
        return PrometheusText.Parse(Encoding.UTF8.GetString(output.WrittenSpan));
    }

    private static JsonElement Input(FakeUpstream upstream) => upstream.Batches.First().Head.GetProperty("inputs")[0];

    private static byte[] Raw(string text) => [.. BitConverter.GetBytes(text.Length), .. Encoding.UTF8.GetBytes(text)];

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
