using System.Collections.Concurrent;
using Gateway.Core.Diagnostics;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol.Tensors;
using Gateway.Server.OpenInference;
using Gateway.Server.Tenants;
using Gateway.TestSupport;
using Gateway.UnitTests.Frames;
using Map = System.Collections.Generic.Dictionary<string, object?>;

namespace Gateway.UnitTests.OpenInference;

/// <summary>Deadlines from a header, a parameter and a message, and what a client is told that cannot be served in time.</summary>
public sealed class DeadlineTests
{
    private static readonly ManualResetEventSlim Never = new();

    private const string Json = """{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]}]}""";

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("1e3")]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("ten")]
    [InlineData("1,5")]
    public async Task Header_IsNoTime_IsRefusedByName(string value)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.InferAsync("any", Json, request => request.Headers.TryAddWithoutValidation(TimeoutHeader.Name, value));

        Assert.Equal((System.Net.HttpStatusCode.BadRequest, $$"""{"error":"Unable to parse Inference-Timeout-Ms, expected milliseconds above 0, got: {{value}}"}"""), (answer.Status, answer.Text));
    }

    [Theory]
    [InlineData("0.001")]
    [InlineData("60000")]
    [InlineData("99999999999999999999999999999999")]
    public async Task Header_EveryTime_IsTaken(string value)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.InferAsync("any", Json, request => request.Headers.TryAddWithoutValidation(TimeoutHeader.Name, value));

        Assert.True(value == "0.001" || answer.Status == System.Net.HttpStatusCode.OK, answer.Text);
    }

    // Of a header and a parameter the shorter one counts.
    [Theory]
    [InlineData("5", 60_000_000)]
    [InlineData("60000", 5_000)]
    [InlineData("5", 0)]
    [InlineData(null, 5_000)]
    public async Task CannotBeInTime_IsToldSoAtOnce_WithReasonAndWhenToRetry(string? header, long parameter)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        ServedModel model = await SlowAsync(server);
        string parameters = parameter > 0 ? $$"""{"parameters":{"timeout":{{parameter}}},""" : "{";

        Answer answer = await server.InferAsync("slow", parameters + Json[1..], request =>
        {
            if (header is not null) request.Headers.TryAddWithoutValidation(TimeoutHeader.Name, header);
        });

        Assert.Equal(System.Net.HttpStatusCode.ServiceUnavailable, answer.Status);
        Assert.Matches("""^\{"error":"(\[request id: <id_unknown>\] )?Request would be finished after [\d.]+ ms, behind 0 rows, and its deadline is 5\.000 ms"\}$""", answer.Text);
        Assert.Equal("deadline_unreachable", answer.Headers["Inference-Refusal"]);
        Assert.Equal("1", answer.Headers["Retry-After"]);
        Assert.InRange(int.Parse(answer.Headers["Retry-After-Ms"], System.Globalization.CultureInfo.InvariantCulture), 1, 10_000);
        ModelCounts counts = model.Batcher.Statistics.Snapshot();
        Assert.Equal((1, 1), (counts[RequestOutcome.Rejected], counts.Refusals[(int)RefusalReason.DeadlineUnreachable]));
    }

    [Fact]
    public async Task Header_OfOneClient_IsNotRememberedWithTheBodyForAnother()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        await SlowAsync(server);
        byte[] binary = new byte[4];
        const string Head = """{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","parameters":{"binary_data_size":4}}],"outputs":[{"name":"y","parameters":{"binary_data":true}}]}""";
        for (int i = 0; i < 20; i++)
        {
            Answer hurried = await server.InferBinaryAsync("slow", Head, binary, request => request.Headers.TryAddWithoutValidation(TimeoutHeader.Name, "5"));
            Assert.Equal(System.Net.HttpStatusCode.ServiceUnavailable, hurried.Status);
        }

        Answer patient = await server.InferBinaryAsync("slow", Head, binary);

        Assert.True(patient.Status == System.Net.HttpStatusCode.OK, patient.Text);
    }

    [Fact]
    public async Task Frames_CannotBeInTime_IsToldSoWithWhenToRetry()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        await SlowAsync(server);
        using FrameSocket connection = await FrameSocket.GreetAsync(server);
        Map request = new()
        {
            ["inputs"] = new object?[] { new Map { ["name"] = "x", ["datatype"] = "FP32", ["shape"] = new object?[] { 1L, 1L }, ["data"] = new byte[4] } },
            ["parameters"] = new Map { ["timeout"] = 5_000L },
        };

        await connection.InferAsync(7, "slow", request);
        (string kind, long call, Map body) = await connection.ReceiveAsync();

        Assert.Equal(("error", 7, "UNAVAILABLE"), (kind, call, body["code"]));
        Assert.Matches(@"^\[request id: <id_unknown>\] Request would be finished after [\d.]+ ms, behind 0 rows, and its deadline is 5\.000 ms$", (string)body["error"]!);
        Assert.InRange((long)body["retry_after_ms"]!, 1, 10_000);
    }

    [Fact]
    public async Task Explain_AskedFor_TellsWhatWasPredicted()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        await SlowAsync(server);

        Answer answer = await server.InferAsync("slow", Json, request =>
        {
            request.Headers.TryAddWithoutValidation(ServerTiming.AskHeader, "1");
            request.Headers.TryAddWithoutValidation(TimeoutHeader.Name, "60000");
        });

        Assert.Matches("""scatter;dur=[\d.]+, predicted;dur=[\d.]+;desc="0 rows ahead"$""", answer.Headers["Server-Timing"]);
    }

    // Without a deadline too, by which nothing is decided.
    [Theory]
    [InlineData("60000")]
    [InlineData(null)]
    public async Task Explain_OneThatWaits_TellsHowManyAreAheadAndAboutHowLongItTakes(string? timeout)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        ServedModel model = await SlowAsync(server);
        Task<Answer> running = server.InferAsync("slow", Json);
        await Eventually.TrueAsync(() => model.Batcher.Statistics.Snapshot().Accepted == 2 && model.Batcher.PendingRequests == 0, "it runs");

        // With a deadline it goes before those that have none.
        Task<Answer>[] ahead = [.. Enumerable.Range(0, 3).Select(_ => server.InferAsync("slow", Json, request =>
        {
            if (timeout is not null) request.Headers.TryAddWithoutValidation(TimeoutHeader.Name, "30000");
        }))];
        await Eventually.TrueAsync(() => model.Batcher.PendingRequests == 3, "they wait");

        Answer answer = await server.InferAsync("slow", Json, request =>
        {
            request.Headers.TryAddWithoutValidation(ServerTiming.AskHeader, "1");
            if (timeout is not null) request.Headers.TryAddWithoutValidation(TimeoutHeader.Name, timeout);
        });

        System.Text.RegularExpressions.Match match = System.Text.RegularExpressions.Regex.Match(answer.Headers["Server-Timing"], """predicted;dur=([\d.]+);desc="3 rows ahead"$""");
        Assert.True(match.Success, answer.Headers["Server-Timing"]);
        double actual = System.Text.RegularExpressions.Regex.Matches(answer.Headers["Server-Timing"][..match.Index], """dur=([\d.]+)""").Sum(stage => double.Parse(stage.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture));
        Assert.InRange(double.Parse(match.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture), 0.3 * actual, 3 * actual);
        await Task.WhenAll([running, .. ahead]);
    }

    [Fact]
    public async Task CannotBeInTime_IsTurnedAwayBeforeItsBodyIsRead()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        ServedModel model = await SlowAsync(server, milliseconds: 400);
        Task<Answer> running = server.InferAsync("slow", Json);
        await Eventually.TrueAsync(() => model.Batcher.Statistics.Snapshot().Accepted == 2 && model.Batcher.PendingRequests == 0, "it runs");
        byte[] body = System.Text.Encoding.UTF8.GetBytes(Json);
        using RawConnection connection = await RawConnection.OpenAsync(server);
        byte[] request = RawConnection.Request("slow", body, headers: $"{TimeoutHeader.Name}: 20\r\n");

        await connection.SendAsync(request.AsMemory(0, request.Length - body.Length));
        (string head, byte[] text) = await connection.ReadAnswerAsync();

        Assert.StartsWith("HTTP/1.1 503", head);
        Assert.Contains("Inference-Refusal: deadline_unreachable", head);
        Assert.Matches(@"Request would be finished after [\d.]+ ms, behind 0 rows, and its deadline is 20\.000 ms", System.Text.Encoding.UTF8.GetString(text));
        Assert.Equal(System.Net.HttpStatusCode.OK, (await running).Status);
        ModelCounts counts = model.Batcher.Statistics.Snapshot();
        Assert.Equal((3, 2, 1), (counts.Accepted, counts[RequestOutcome.Succeeded], counts[RequestOutcome.Rejected]));
    }

    [Theory]
    [InlineData("application/json", "infer")]
    [InlineData("application/msgpack", "infer")]
    [InlineData("application/json", "generate")]
    public async Task BodyThatTookAllItsTime_IsExpiredAndNotRun(string type, string endpoint)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        ServedModel model = server.Catalog.Find("any", 0);
        byte[] body = endpoint == "generate" ? """{"x":[1]}"""u8.ToArray() : type == "application/json" ? System.Text.Encoding.UTF8.GetBytes(Json) : Messages.Maps.Write(new Map { ["inputs"] = OneInput() });
        using RawConnection connection = await RawConnection.OpenAsync(server);
        byte[] request = System.Text.Encoding.ASCII.GetBytes($"POST /v2/models/any/{endpoint} HTTP/1.1\r\nHost: h\r\nContent-Type: {type}\r\n{TimeoutHeader.Name}: 100\r\nContent-Length: {body.Length}\r\n\r\n");

        await connection.SendAsync(request);
        await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, TestContext.Current.CancellationToken);
        await connection.SendAsync(body);
        (string head, byte[] text) = await connection.ReadAnswerAsync();

        Assert.StartsWith("HTTP/1.1 503", head);
        Assert.Contains("Request timeout expired", System.Text.Encoding.UTF8.GetString(text), StringComparison.Ordinal);
        ModelCounts counts = model.Batcher.Statistics.Snapshot();
        Assert.Equal((1, 1, 0), (counts.Accepted, counts[RequestOutcome.Expired], counts.Executions));
    }

    // In an overload refusals are what there are most of, and an exception costs more than a request.
    [Fact]
    public async Task MessagePack_IsTurnedAway_ByNoException()
    {
        TenantsOptions tenants = new() { TrustNames = true, Named = { ["thrown-by"] = new TenantOptions { MaxRequestsPerSecond = 0.001 } } };
        await using InferenceServer server = await InferenceServer.StartAsync(tenants: tenants);
        ServedModel model = await SlowAsync(server, milliseconds: 2000);
        Task<Answer> running = server.InferAsync("slow", Json);
        await Eventually.TrueAsync(() => model.Batcher.Statistics.Snapshot().Accepted == 2 && model.Batcher.PendingRequests == 0, "it runs");
        ConcurrentQueue<string> thrown = [];
        void Note(object? sender, System.Runtime.ExceptionServices.FirstChanceExceptionEventArgs args) => thrown.Enqueue(args.Exception.Message);
        AppDomain.CurrentDomain.FirstChanceException += Note;
        Answer late = await server.SendAsync(Post("slow", (TimeoutHeader.Name, "20.317")));
        Answer first = await server.SendAsync(Post("any", (CallerTenants.HeaderName, "thrown-by")));
        Answer over = await server.SendAsync(Post("any", (CallerTenants.HeaderName, "thrown-by")));
        AppDomain.CurrentDomain.FirstChanceException -= Note;

        Assert.Equal(System.Net.HttpStatusCode.ServiceUnavailable, late.Status);
        Assert.Contains("its deadline is 20.317 ms", (string)((Map)Messages.Maps.Read(late.Body)!)["error"]!, StringComparison.Ordinal);
        Assert.Equal((System.Net.HttpStatusCode.OK, System.Net.HttpStatusCode.TooManyRequests), (first.Status, over.Status));
        Assert.Contains("'thrown-by' exceeds its rate", (string)((Map)Messages.Maps.Read(over.Body)!)["error"]!, StringComparison.Ordinal);
        Assert.DoesNotContain(thrown, text => text.Contains("20.317 ms", StringComparison.Ordinal) || text.Contains("thrown-by", StringComparison.Ordinal));
        Assert.Equal(System.Net.HttpStatusCode.OK, (await running).Status);

        static HttpRequestMessage Post(string model, (string Name, string Value) header)
        {
            HttpRequestMessage request = new(HttpMethod.Post, $"/v2/models/{model}/infer") { Content = new ByteArrayContent(Messages.Maps.Write(new Map { ["inputs"] = OneInput() })) };
            request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/msgpack");
            request.Headers.TryAddWithoutValidation(header.Name, header.Value);
            return request;
        }
    }

    // The model's objective counts as a time that the client gives does.
    [Theory]
    [InlineData("application/json", "/v2/models/prompt/infer")]
    [InlineData("application/msgpack", "/v2/models/prompt/infer")]
    [InlineData("application/json", "/v2/models/prompt/generate")]
    [InlineData("application/json", "/v1/models/prompt:predict")]
    public async Task BodyThatTookAllOfTheModelsObjective_IsExpiredAndNotRun(string type, string path)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        ServedModel model = server.Add(
            "prompt",
            1,
            8,
            [SampleModels.Spec("x", DataType.Fp32, [1])],
            [SampleModels.Spec("y", DataType.Fp32, [1])],
            (layout, pool) => new FunctionExecutor(layout, pool, TimeProvider.System, SampleModels.Copy),
            objective: TimeSpan.FromMilliseconds(100));
        byte[] body = type == "application/msgpack" ? Messages.Maps.Write(new Map { ["inputs"] = OneInput() })
            : path.EndsWith("generate", StringComparison.Ordinal) ? """{"x":[1]}"""u8.ToArray()
            : path.EndsWith("predict", StringComparison.Ordinal) ? """{"instances":[[1]]}"""u8.ToArray()
            : System.Text.Encoding.UTF8.GetBytes(Json);
        using RawConnection connection = await RawConnection.OpenAsync(server);

        await connection.SendAsync(System.Text.Encoding.ASCII.GetBytes($"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: {type}\r\nContent-Length: {body.Length}\r\n\r\n"));
        await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, TestContext.Current.CancellationToken);
        await connection.SendAsync(body);
        (string head, byte[] text) = await connection.ReadAnswerAsync();

        Assert.StartsWith("HTTP/1.1 503", head);
        Assert.Contains("Request timeout expired", System.Text.Encoding.UTF8.GetString(text), StringComparison.Ordinal);
        ModelCounts counts = model.Batcher.Statistics.Snapshot();
        Assert.Equal((1, 1, 0), (counts.Accepted, counts[RequestOutcome.Expired], counts.Executions));
    }

    [Fact]
    public async Task FrameThatTookAllItsTime_IsExpiredAndNotRun()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        ServedModel model = server.Catalog.Find("any", 0);
        using FrameSocket connection = await FrameSocket.GreetAsync(server);
        byte[] frame = FrameSocket.Infer(7, "any", new Map { ["inputs"] = OneInput(), ["parameters"] = new Map { ["timeout"] = 100_000L } });

        await connection.SendAsync(frame.AsMemory(0, 20));
        await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, TestContext.Current.CancellationToken);
        await connection.SendAsync(frame.AsMemory(20));
        (string kind, _, Map body) = await connection.ReceiveAsync();
        await connection.SendAsync(frame);
        (string second, _, _) = await connection.ReceiveAsync();

        Assert.Equal("error", kind);
        Assert.Contains("Request timeout expired", (string)body["error"]!, StringComparison.Ordinal);
        Assert.Equal("infer", second);
        ModelCounts counts = model.Batcher.Statistics.Snapshot();
        Assert.Equal((2, 1, 1), (counts.Accepted, counts[RequestOutcome.Expired], counts[RequestOutcome.Succeeded]));
    }

    private static object?[] OneInput() => [new Map { ["name"] = "x", ["datatype"] = "FP32", ["shape"] = new object?[] { 1L, 1L }, ["data"] = new byte[4] }];

    /// <summary>A model of one row a batch that takes its time, and has done so for a request with a deadline. So long that what was learned is not out of date on a busy machine.</summary>
    private static async Task<ServedModel> SlowAsync(InferenceServer server, int milliseconds = 300)
    {
        ServedModel model = server.Add(
            "slow",
            1,
            [SampleModels.Spec("x", DataType.Fp32, [1])],
            [SampleModels.Spec("y", DataType.Fp32, [1])],
            (_, inputs, outputs) =>
            {
                Never.Wait(milliseconds);
                inputs[0].CopyTo(outputs[0], 0);
            });
        Answer first = await server.InferAsync("slow", Json, request => request.Headers.TryAddWithoutValidation(TimeoutHeader.Name, "60000"));
        Assert.Equal(System.Net.HttpStatusCode.OK, first.Status);
        return model;
    }
}
