using System.Globalization;
using System.Net;
using System.Text.Json;
using Gateway.Core.Tracing;
using Gateway.Server.Grpc.Messages;
using Gateway.UnitTests.Grpc;
using Gateway.UnitTests.OpenInference;
using GrpcRequests = Gateway.UnitTests.Grpc.Requests;
using TraceValue = Gateway.Server.Grpc.Messages.TraceSettingRequest.Types.SettingValue;

namespace Gateway.UnitTests.Tracing;

/// <summary>Traces of real requests in real files, turned on and off by calls of both protocols.</summary>
public sealed class TraceTests : IAsyncLifetime
{
    private const string Body = """{"id":"a","inputs":[{"name":"x","datatype":"FP32","shape":[1,3],"data":[1,2,3]}]}""";
    private const string AllSettings = "/v2/trace/setting";

    private readonly string _folder = Directory.CreateTempSubdirectory("gateway-traces-").FullName;
    private Tracer _tracer = null!;
    private GrpcServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _tracer = new Tracer(new TraceConfig(), _folder, TimeProvider.System);
        _server = await GrpcServer.StartAsync(tracer: _tracer);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _tracer.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Traces_OfEachProtocol_HaveTritonsNamesInOrder()
    {
        await SetAsync("""{"trace_level":["TIMESTAMPS"],"trace_rate":"1","trace_file":"t.json"}""");

        Assert.Equal(HttpStatusCode.OK, (await _server.Server.InferAsync("rank", Body)).Status);
        ModelInferRequest request = GrpcRequests.Raw("rank", [1, 3], 1, 2, 3);
        request.Id = "b";
        await _server.Client.InferAsync(request);
        using (GrpcDuplex stream = _server.Client.Open(GrpcClient.Service + "ModelStreamInfer"))
        {
            request.Id = "c";
            await stream.WriteAsync(request);
            Assert.Equal("c", (await stream.ReadAsync(ModelStreamInferResponse.Parser))!.InferResponse.Id);
            stream.Close();
            Assert.Equal((0, ""), await stream.EndAsync());
        }

        string[] stages = ["REQUEST_START", "QUEUE_START", "COMPUTE_START", "COMPUTE_INPUT_END", "COMPUTE_OUTPUT_START", "COMPUTE_END", "REQUEST_END"];
        IReadOnlyList<Trace> traces = await ReadAsync("t.json", 3);
        Assert.Equal(["a", "b", "c"], traces.Select(trace => trace.RequestId));
        Assert.All(traces, trace => Assert.Equal(("rank", 1L), (trace.Model, trace.Version)));
        Assert.Equal(["HTTP_RECV_START", "HTTP_RECV_END", .. stages, "HTTP_SEND_START", "HTTP_SEND_END"], traces[0].Times.Select(time => time.Name));
        foreach (Trace trace in traces.Skip(1)) Assert.Equal(["GRPC_WAITREAD_START", "GRPC_WAITREAD_END", .. stages, "GRPC_SEND_START", "GRPC_SEND_END"], trace.Times.Select(time => time.Name));
        Assert.All(traces, trace => Assert.Equal(trace.Times.Select(time => time.Ns).Order(), trace.Times.Select(time => time.Ns)));
        Assert.Equal(3, traces.Select(trace => trace.Id).Distinct().Count());
    }

    [Fact]
    public async Task Traces_OfRequestsThatFail_HaveTheStagesTheyReached()
    {
        await SetAsync("""{"trace_level":["TIMESTAMPS"],"trace_rate":"1"}""");

        await _server.Server.InferAsync("rank", Body.Replace("[1,3]", "[1,4]", StringComparison.Ordinal));
        await _server.Server.InferAsync("fails", """{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":[1]}]}""");

        IReadOnlyList<Trace> traces = await ReadAsync("trace.json", 2);
        Assert.Equal(["HTTP_RECV_START", "HTTP_SEND_END"], traces[0].Times.Select(time => time.Name));
        Assert.Equal(["HTTP_RECV_START", "HTTP_RECV_END", "REQUEST_START", "QUEUE_START", "REQUEST_END", "HTTP_SEND_START", "HTTP_SEND_END"], traces[1].Times.Select(time => time.Name));
        Assert.Equal("fails", traces[1].Model);
    }

    [Fact]
    public async Task Settings_OfAModel_AreTheGeneralOnesAgainWhenCleared()
    {
        await SetAsync("""{"trace_rate":"7","log_frequency":"2"}""");
        TraceSettingRequest own = new() { ModelName = "rank", Settings = { ["trace_level"] = Of("TIMESTAMPS"), ["trace_rate"] = Of("1"), ["trace_count"] = Of("5"), ["trace_file"] = Of("own.json") } };

        Assert.Equal($"TIMESTAMPS 1 5 2 {Path.Combine(_folder, "own.json")} triton", Told(await _server.Client.CallAsync("TraceSetting", own)));
        Assert.Equal($"OFF 7 -1 2 {Path.Combine(_folder, "trace.json")} triton", await ToldAsync(""));
        await SetAsync("""{"log_frequency":"3"}""");
        Assert.Equal($"TIMESTAMPS 1 5 3 {Path.Combine(_folder, "own.json")} triton", await ToldAsync("rank"));

        // An empty list clears over gRPC, null over HTTP.
        TraceSettingRequest cleared = new() { ModelName = "rank", Settings = { ["trace_rate"] = new TraceValue(), ["trace_count"] = new TraceValue() } };
        Assert.Equal($"TIMESTAMPS 7 -1 3 {Path.Combine(_folder, "own.json")} triton", Told(await _server.Client.CallAsync("TraceSetting", cleared)));
        Answer all = await _server.Server.PostAsync("/v2/models/rank/trace/setting", """{"trace_level":null,"trace_file":null}""");
        Assert.Equal($$"""{"trace_level":["OFF"],"trace_rate":"7","trace_count":"-1","log_frequency":"3","trace_file":"{{_folder}}/trace.json","trace_mode":"triton"}""", all.Text);
        await SetAsync("""{"trace_rate":null,"log_frequency":null}""");
        Assert.Equal($"OFF 1000 -1 0 {Path.Combine(_folder, "trace.json")} triton", await ToldAsync("rank"));
    }

    [Fact]
    public async Task Traces_OfOneModelAlone_AreOfThatModel()
    {
        await _server.Server.PostAsync("/v2/models/rank/trace/setting", """{"trace_level":["TIMESTAMPS"],"trace_rate":"2","trace_count":"3"}""");

        for (int i = 0; i < 10; i++)
        {
            await _server.Server.InferAsync("rank", Body);
            await _server.Server.InferAsync("echo_FP32", Body.Replace("[1,3]", "[1,4]", StringComparison.Ordinal).Replace("2,3]", "2,3,4]", StringComparison.Ordinal));
        }

        IReadOnlyList<Trace> traces = await ReadAsync("trace.json", 3);
        Assert.All(traces, trace => Assert.Equal("rank", trace.Model));
        Assert.Equal(("0", 3L), ((await ToldAsync("rank")).Split(' ')[2], _tracer.Written));
    }

    [Fact]
    public async Task Traces_WithALogFrequency_AreInFilesOfSoMany()
    {
        await SetAsync("""{"trace_level":["TIMESTAMPS"],"trace_rate":"1","log_frequency":"2"}""");

        for (int i = 0; i < 5; i++) await _server.Server.InferAsync("rank", Body);

        await Eventually.TrueAsync(() => _tracer.Written == 5, "they are written");
        Assert.Equal(["trace.json.0", "trace.json.1", "trace.json.2"], Directory.GetFiles(_folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal([2, 2, 1], Enumerable.Range(0, 3).Select(i => Read($"trace.json.{i}").Count));
    }

    [Fact]
    public async Task Traces_ThatCannotBeWritten_AreDroppedAndNobodyElseNotices()
    {
        await SetAsync("""{"trace_level":["TIMESTAMPS"],"trace_rate":"1","trace_file":"t.json"}""");
        Directory.CreateDirectory(Path.Combine(_folder, "t.json"));

        for (int i = 0; i < 3; i++) Assert.Equal(HttpStatusCode.OK, (await _server.Server.InferAsync("rank", Body)).Status);

        await Eventually.TrueAsync(() => _tracer.Dropped == 3, "they are dropped");
        Assert.Equal(0, _tracer.Written);
    }

    [Theory]
    [InlineData("../t.json")]
    [InlineData("/etc/t.json")]
    [InlineData(".t.json")]
    [InlineData("a/b.json")]
    [InlineData("")]
    [InlineData("a\u0000b")]
    public async Task Settings_FileElsewhere_IsRefused(string name)
    {
        string body = JsonSerializer.Serialize(new Dictionary<string, string> { ["trace_file"] = name });

        (await _server.Server.PostAsync(AllSettings, body)).AssertError(HttpStatusCode.BadRequest, "'trace_file' must be the name of a file in the folder for traces: letters, digits, '.', '-' and '_'");
    }

    [Fact]
    public async Task Settings_ManyFiles_AreRefused()
    {
        for (int i = 0; i < 64; i++) await SetAsync($$"""{"trace_file":"{{i}}.json"}""");

        Answer more = await _server.Server.PostAsync(AllSettings, """{"trace_file":"64.json"}""");

        Assert.Equal("more than 64 trace files have been named", more.Error);
        await SetAsync("""{"trace_file":"63.json"}""");
    }

    [Fact]
    public async Task Settings_Mistake_ChangesNothing()
    {
        string before = await ToldAsync("");

        (await _server.Server.PostAsync(AllSettings, """{"trace_count":"5","trace_level":["TIMESTAMPS"],"trace_rate":"0"}"""))
            .AssertError(HttpStatusCode.BadRequest, "Attempting to set invalid trace setting :sample rate must be non-zero");
        Assert.Equal(HttpStatusCode.BadRequest, (await _server.Server.PostAsync(AllSettings, """{"trace_count":"5","other":"1"}""")).Status);

        Assert.Equal(before, await ToldAsync(""));
        Assert.False(_tracer.IsOn);
    }

    private static TraceValue Of(params string[] values) => new() { Value = { values } };

    private static string Told(GrpcAnswer answer)
    {
        TraceSettingResponse response = answer.Single(TraceSettingResponse.Parser);
        string[] names = ["trace_level", "trace_rate", "trace_count", "log_frequency", "trace_file", "trace_mode"];
        return string.Join(' ', names.Select(name => string.Join(',', response.Settings[name].Value)));
    }

    private async Task<string> ToldAsync(string model) => Told(await _server.Client.CallAsync("TraceSetting", new TraceSettingRequest { ModelName = model }));

    private async Task SetAsync(string body)
    {
        Answer answer = await _server.Server.PostAsync(AllSettings, body);
        Assert.True(answer.Status == HttpStatusCode.OK, answer.Text);
    }

    private async Task<IReadOnlyList<Trace>> ReadAsync(string file, int count)
    {
        await Eventually.TrueAsync(() => _tracer.Written >= count, string.Create(CultureInfo.InvariantCulture, $"{count} traces are written"));
        IReadOnlyList<Trace> traces = Read(file);
        Assert.Equal(count, traces.Count);
        return traces;
    }

    /// <summary>Reads a file as Triton's own summary does: objects of one id belong together.</summary>
    private List<Trace> Read(string file)
    {
        using FileStream stream = new(Path.Combine(_folder, file), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using JsonDocument document = JsonDocument.Parse(stream);
        List<Trace> traces = [];
        foreach (JsonElement element in document.RootElement.EnumerateArray())
        {
            long id = element.GetProperty("id").GetInt64();
            if (element.TryGetProperty("model_name", out JsonElement model))
            {
                string request = element.TryGetProperty("request_id", out JsonElement given) ? given.GetString()! : "";
                traces.Add(new Trace(id, model.GetString()!, element.GetProperty("model_version").GetInt64(), request, []));
                continue;
            }

            traces.Single(trace => trace.Id == id).Times.AddRange(element.GetProperty("timestamps").EnumerateArray().Select(time => (time.GetProperty("name").GetString()!, time.GetProperty("ns").GetInt64())));
        }

        return traces;
    }

    private sealed record Trace(long Id, string Model, long Version, string RequestId, List<(string Name, long Ns)> Times);
}
