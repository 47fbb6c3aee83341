using System.Net;
using System.Text.Json;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Server.Hosting;
using Microsoft.Extensions.Logging;

namespace Gateway.UnitTests.OpenInference;

/// <summary>Statistics, model configuration, log and trace settings, restricted access.</summary>
public sealed class ExtensionsTests
{
    private const string Infer = """{"inputs":[{"name":"x","datatype":"FP32","shape":[2,3],"data":[1,2,3,4,5,6]}]}""";

    [Fact]
    public async Task Statistics_AfterCalls_CountThem()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        for (int i = 0; i < 3; i++) Assert.Equal(HttpStatusCode.OK, (await server.InferAsync("rank", Infer)).Status);
        await server.InferAsync("fails", """{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":[1]}]}""");

        JsonElement stats = Assert.Single((await server.GetAsync("/v2/models/rank/stats")).Json.GetProperty("model_stats").EnumerateArray());
        Assert.Equal(("rank", "1", 6, 3), (stats.GetProperty("name").GetString(), stats.GetProperty("version").GetString(), stats.GetProperty("inference_count").GetInt32(), stats.GetProperty("execution_count").GetInt32()));
        Assert.True(stats.GetProperty("last_inference").GetInt64() > 1_600_000_000_000);
        JsonElement inference = stats.GetProperty("inference_stats");
        Assert.Equal(["success", "fail", "queue", "compute_input", "compute_infer", "compute_output", "cache_hit", "cache_miss"], inference.EnumerateObject().Select(member => member.Name));
        foreach (string name in new[] { "success", "queue", "compute_input", "compute_infer", "compute_output" }) Assert.Equal(3, inference.GetProperty(name).GetProperty("count").GetInt32());
        Assert.True(inference.GetProperty("success").GetProperty("ns").GetInt64() > 0);
        JsonElement batch = Assert.Single(stats.GetProperty("batch_stats").EnumerateArray());
        Assert.Equal((2, 3), (batch.GetProperty("batch_size").GetInt32(), batch.GetProperty("compute_infer").GetProperty("count").GetInt32()));
        Assert.Equal("{}", stats.GetProperty("response_stats").GetRawText());
        JsonElement latency = Assert.Single(stats.GetProperty("latency_model").EnumerateArray());
        Assert.Equal([1, 2, 4, 8], latency.GetProperty("batches").EnumerateArray().Select(each => each.GetProperty("batch_size").GetInt32()));
        Assert.True(latency.GetProperty("batches")[1].GetProperty("ns").GetInt64() > 0);
        Assert.False(latency.TryGetProperty("shapes", out _));

        JsonElement failed = (await server.GetAsync("/v2/models/fails/versions/1/stats")).Json.GetProperty("model_stats")[0].GetProperty("inference_stats").GetProperty("fail");
        Assert.Equal(1, failed.GetProperty("count").GetInt32());
        Assert.True(failed.GetProperty("ns").GetInt64() > 0);
        Assert.Equal(server.Catalog.Index.Count, (await server.GetAsync("/v2/models/stats")).Json.GetProperty("model_stats").GetArrayLength());
    }

    [Fact]
    public async Task Statistics_RowsOfSeveralSizes_HasTheFactorOfEach()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        LatencyModel latency = server.Catalog.Find("rank", 0).Batcher.Latency;
        latency.Record(1, 1_000_000, now: 0, ShapeClasses.Of(64));
        latency.Record(1, 3_000_000, now: 0, ShapeClasses.Of(256));

        JsonElement stats = (await server.GetAsync("/v2/models/rank/stats")).Json.GetProperty("model_stats")[0];

        JsonElement shapes = stats.GetProperty("latency_model")[0].GetProperty("shapes");
        Assert.Equal([64, 256], shapes.EnumerateArray().Select(each => each.GetProperty("elements").GetInt32()));
        Assert.True(shapes[1].GetProperty("factor").GetDouble() > 0);
    }

    [Fact]
    public async Task Statistics_AnsweredFromTheCache_AreInTheQueuesCountAndNotInTheModels()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        await server.InferAsync("rank", Infer);
        ServedModel model = server.Catalog.Find("rank", 0);
        using (InferenceRequest hit = model.RentRequest()) model.Batcher.Statistics.CountAside(hit, now: 0);

        JsonElement inference = (await server.GetAsync("/v2/models/rank/stats")).Json.GetProperty("model_stats")[0].GetProperty("inference_stats");

        Assert.Equal([2, 2, 1], new[] { "success", "queue", "compute_infer" }.Select(name => inference.GetProperty(name).GetProperty("count").GetInt32()));
    }

    [Fact]
    public async Task Config_Model_IsTritonsJson()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        JsonElement config = (await server.GetAsync("/v2/models/rank/config")).Json;

        Assert.Equal(("rank", "onnxruntime_onnx", 8), (config.GetProperty("name").GetString(), config.GetProperty("platform").GetString(), config.GetProperty("max_batch_size").GetInt32()));
        Assert.Equal(JsonValueKind.Array, config.GetProperty("instance_group").ValueKind);
    }

    [Theory]
    [InlineData("GET", "/v2/models/none/stats", HttpStatusCode.BadRequest, "requested model 'none' is not available")]
    [InlineData("GET", "/v2/models/rank/versions/9/stats", HttpStatusCode.BadRequest, "requested model version is not available for model 'rank'")]
    [InlineData("GET", "/v2/models/none/config", HttpStatusCode.NotFound, "Request for unknown model: 'none' is not found")]
    [InlineData("GET", "/v2/models/rank/versions/9/config", HttpStatusCode.NotFound, "Request for unknown model: 'rank' version 9 is not found")]
    [InlineData("GET", "/v2/models/none/trace/setting", HttpStatusCode.NotFound, "Request for unknown model: 'none' is not found")]
    [InlineData("POST", "/v2/models/rank/stats", HttpStatusCode.MethodNotAllowed, "Method Not Allowed")]
    [InlineData("POST", "/v2/models/rank/config", HttpStatusCode.MethodNotAllowed, "Method Not Allowed")]
    [InlineData("GET", "/v2/repository/index", HttpStatusCode.MethodNotAllowed, "Method Not Allowed")]
    [InlineData("GET", "/v2/repository/models/rank/load", HttpStatusCode.MethodNotAllowed, "Method Not Allowed")]
    [InlineData("GET", "/v2/models/rank/generate", HttpStatusCode.MethodNotAllowed, "Method Not Allowed")]
    [InlineData("DELETE", "/v2/logging", HttpStatusCode.MethodNotAllowed, "Method Not Allowed")]
    [InlineData("PUT", "/v2/trace/setting", HttpStatusCode.MethodNotAllowed, "Method Not Allowed")]
    [InlineData("POST", "/v2/repository/index", HttpStatusCode.NotImplemented, "this server has no model repository")]
    [InlineData("POST", "/v2/repository/models/rank/load", HttpStatusCode.NotImplemented, "this server has no model repository")]
    [InlineData("POST", "/v2/systemsharedmemory/status", HttpStatusCode.MethodNotAllowed, "Method Not Allowed")]
    [InlineData("GET", "/v2/systemsharedmemory/region/r/register", HttpStatusCode.MethodNotAllowed, "Method Not Allowed")]
    public async Task Call_WhatCannotBe_IsTheProtocolsError(string method, string path, HttpStatusCode status, string error)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        (await server.SendAsync(new HttpRequestMessage(new HttpMethod(method), path))).AssertError(status, error);
    }

    [Fact]
    public async Task Logging_Post_ChangesAndTells()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        Assert.Equal("""{"log_file":"","log_info":true,"log_warning":true,"log_error":true,"log_verbose_level":0,"log_format":"default"}""", (await server.GetAsync("/v2/logging")).Text);

        Answer answer = await server.PostAsync("/v2/logging", """{"log_info":false,"log_warning":null,"log_file":null,"log_verbose_level":1,"log_format":"json"}""");

        Assert.Equal("""{"log_file":"","log_info":false,"log_warning":true,"log_error":true,"log_verbose_level":1,"log_format":"json"}""", answer.Text);
        Assert.Equal((false, true, true), (server.Logs.IsEnabled("Gateway", LogLevel.Information), server.Logs.IsEnabled("Gateway", LogLevel.Warning), server.Logs.IsEnabled("Gateway", LogLevel.Debug)));
        Assert.Equal(LogFormat.Json, server.Logs.Format);
    }

    [Theory]
    [InlineData("""{"log_file":"/tmp/x"}""", HttpStatusCode.NotImplemented, "log file location can not be updated through network protocol")]
    [InlineData("""{"log_info":1}""", HttpStatusCode.BadRequest, "Unable to parse 'log_info': attempt to access JSON non-boolean as boolean")]
    [InlineData("""{"log_verbose_level":-1}""", HttpStatusCode.BadRequest, "Unable to parse 'log_verbose_level': attempt to access JSON non-unsigned-integer as unsigned-integer")]
    [InlineData("""{"log_format":"xml"}""", HttpStatusCode.ServiceUnavailable, "invalid argument for --log_format, got: xml")]
    [InlineData("""{"log_info":false,"other":1}""", HttpStatusCode.BadRequest, "unknown log setting 'other'")]
    [InlineData("", HttpStatusCode.BadRequest, "failed to parse the request JSON buffer: Invalid value. at 0")]
    public async Task Logging_Mistake_ChangesNothing(string body, HttpStatusCode status, string error)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        (await server.PostAsync("/v2/logging", body)).AssertError(status, error);

        Assert.True(server.Logs.LogsInformation);
    }

    [Theory]
    [InlineData("""{"trace_level":["OFF"],"trace_rate":"1000","trace_count":null}""", HttpStatusCode.OK, null)]
    [InlineData("""{"trace_level":["TIMESTAMPS"]}""", HttpStatusCode.BadRequest, "Attempting to set invalid trace setting :trace file name is not given")]
    [InlineData("""{"trace_level":["TIMESTAMPS","TENSORS"]}""", HttpStatusCode.NotImplemented, "trace level 'TENSORS' is not served, 'TIMESTAMPS' is")]
    [InlineData("""{"trace_level":["MIN"]}""", HttpStatusCode.OK, null)]
    [InlineData("""{"trace_mode":"opentelemetry"}""", HttpStatusCode.NotImplemented, "'trace_mode' can not be updated: traces are written as 'triton'")]
    [InlineData("""{"trace_level":["OFF","OFF"]}""", HttpStatusCode.BadRequest, "Expect only one trace level 'OFF' is specified")]
    [InlineData("""{"trace_rate":"x"}""", HttpStatusCode.BadRequest, "Unable to parse 'trace_rate', got: x")]
    [InlineData("""{"trace_rate":"1"}""", HttpStatusCode.OK, null)]
    [InlineData("""{"trace_rate":1}""", HttpStatusCode.BadRequest, "Unable to parse 'trace_rate': attempt to access JSON non-string as string")]
    [InlineData("""{"trace_file":"/tmp/x"}""", HttpStatusCode.NotImplemented, "trace file location can not be updated through network protocol")]
    public async Task Trace_Post_IsTakenOrTritonsError(string body, HttpStatusCode status, string? error)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        foreach (string path in new[] { "/v2/trace/setting", "/v2/models/rank/trace/setting" })
        {
            Answer answer = await server.PostAsync(path, body);
            if (error is not null) answer.AssertError(status, error);
            else Assert.Equal((await server.GetAsync(path)).Text, answer.Text);
        }
    }

    [Theory]
    [InlineData("health", "/v2/health/live", "GET")]
    [InlineData("health", "/v2/models/rank/ready", "GET")]
    [InlineData("metadata", "/v2", "GET")]
    [InlineData("metadata", "/v2/models/rank", "GET")]
    [InlineData("inference", "/v2/models/rank/infer", "POST")]
    [InlineData("inference", "/v2/models/rank/infer", "GET")]
    [InlineData("inference", "/v2/models/rank/generate", "POST")]
    [InlineData("model-config", "/v2/models/rank/config", "GET")]
    [InlineData("model-repository", "/v2/repository/index", "POST")]
    [InlineData("model-repository", "/v2/repository/models/m/load", "POST")]
    [InlineData("statistics", "/v2/models/stats", "GET")]
    [InlineData("trace", "/v2/trace/setting", "GET")]
    [InlineData("logging", "/v2/logging", "GET")]
    [InlineData("model-repository", "/v2/cache", "DELETE")]
    [InlineData("model-repository", "/v2/models/rank/cache", "DELETE")]
    [InlineData("metadata", "/v2/features", "GET")]
    [InlineData("metadata", "/v2/features/v", "GET")]
    [InlineData("inference", "/v2/features/v/rows/k", "GET")]
    [InlineData("inference", "/v2/features/v/lookup", "POST")]
    [InlineData("model-repository", "/v2/features/v/rows/k", "PUT")]
    [InlineData("model-repository", "/v2/features/v/rows/k", "DELETE")]
    [InlineData("model-repository", "/v2/features/v/rows", "POST")]
    [InlineData("model-repository", "/v2/features/v/rows", "DELETE")]
    [InlineData("model-repository", "/v2/features/v/delete", "POST")]
    [InlineData("shared-memory", "/v2/systemsharedmemory/status", "GET")]
    [InlineData("shared-memory", "/v2/cudasharedmemory/region/r/register", "POST")]
    public async Task Restricted_EachGroup_AsksForItsHeader(string group, string path, string method)
    {
        await using InferenceServer server = await InferenceServer.StartAsync(restricted: $"{group}:X-Key=secret=1");

        foreach (string? given in new[] { null, "", "secret", "secret=12" })
        {
            (await SendAsync(given)).AssertError(HttpStatusCode.Forbidden, "This API is restricted, expecting header 'X-Key'");
        }

        Assert.NotEqual(HttpStatusCode.Forbidden, (await SendAsync("secret=1")).Status);
        string other = group == "health" ? "/v2" : "/v2/health/ready";
        Assert.Equal(HttpStatusCode.OK, (await server.GetAsync(other)).Status);

        Task<Answer> SendAsync(string? given)
        {
            HttpRequestMessage request = new(new HttpMethod(method), path);
            if (given is not null) request.Headers.TryAddWithoutValidation("x-key", given);
            return server.SendAsync(request);
        }
    }

    [Fact]
    public async Task Restricted_Inference_HoldsForMessagePackToo()
    {
        await using InferenceServer server = await InferenceServer.StartAsync(restricted: "inference,metadata:key=value");
        HttpRequestMessage request = new(HttpMethod.Post, "/v2/models/rank/infer") { Content = new ByteArrayContent([0x80]) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/msgpack");

        Assert.Equal(HttpStatusCode.Forbidden, (await server.SendAsync(request)).Status);
    }
}
