using System.Net;
using System.Text;
using System.Text.Json;
using Gateway.Core.Models.Repository;
using Gateway.TestSupport;
using Gateway.UnitTests.Models.Repository;

namespace Gateway.UnitTests.OpenInference;

public sealed class RepositoryTests : IAsyncDisposable
{
    private ScriptedRepository? _repository;

    public async ValueTask DisposeAsync()
    {
        if (_repository is not null) await _repository.DisposeAsync();
    }

    [Fact]
    public async Task LoadAndUnload_OverHttp_IndexTells()
    {
        await using InferenceServer server = await StartAsync();
        _repository!.Write("m", ScriptedBackend.Script(5)).Write("broken", "broken on purpose");

        Assert.Contains("""{"name":"m"}""", (await server.PostAsync("/v2/repository/index")).Text, StringComparison.Ordinal);
        Answer loaded = await server.PostAsync("/v2/repository/models/m/load", "{}");
        Assert.Equal((HttpStatusCode.OK, ""), (loaded.Status, loaded.Text));
        Assert.Contains("[9]", (await InferAsync(server)).Text, StringComparison.Ordinal);
        (await server.PostAsync("/v2/repository/models/broken/load")).AssertError(HttpStatusCode.BadRequest, "load failed for model 'broken': version 1 is at UNAVAILABLE state: on purpose;\n");
        string index = (await server.PostAsync("/v2/repository/index", "{}")).Text;
        Assert.Contains("""{"name":"m","version":"1","state":"READY"}""", index, StringComparison.Ordinal);
        Assert.Contains("""{"name":"broken","version":"1","state":"UNAVAILABLE","reason":"on purpose"}""", index, StringComparison.Ordinal);
        Assert.DoesNotContain("broken", (await server.PostAsync("/v2/repository/index", """{"ready":true}""")).Text, StringComparison.Ordinal);

        Answer unloaded = await server.PostAsync("/v2/repository/models/m/unload", """{"parameters":{"unload_dependents":false}}""");
        Assert.Equal((HttpStatusCode.OK, ""), (unloaded.Status, unloaded.Text));
        (await InferAsync(server)).AssertError(HttpStatusCode.NotFound, "Request for unknown model: 'm' has no available versions");
        await Eventually.TrueAsync(() => _repository.Index().Contains("m 1 Unavailable: unloaded"), "it is unloaded");
        Assert.Contains("""{"name":"m","version":"1","state":"UNAVAILABLE","reason":"unloaded"}""", (await server.PostAsync("/v2/repository/index")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_FilesAndConfiguration_AreServed()
    {
        await using InferenceServer server = await StartAsync();
        string body = JsonSerializer.Serialize(new
        {
            parameters = new Dictionary<string, string>
            {
                ["config"] = """{"max_batch_size":8}""",
                ["file:3/model.onnx"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(ScriptedBackend.Script(30))),
            },
        });

        Answer loaded = await server.PostAsync("/v2/repository/models/m/load", body);

        Assert.Equal("", loaded.Text);
        Assert.Contains("[34]", (await InferAsync(server, version: "3")).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("index", """{"ready":1}""", HttpStatusCode.BadRequest, "Invalid value for 'ready': expected a boolean")]
    [InlineData("index", "[", HttpStatusCode.BadRequest, "failed to parse the request JSON buffer: Invalid value. at 1")]
    [InlineData("index", """{"ready":true} x""", HttpStatusCode.BadRequest, "failed to parse the request JSON buffer: The document root must not be followed by other values. at 15")]
    [InlineData("models/none/load", null, HttpStatusCode.BadRequest, "failed to load 'none', failed to poll from model repository: it is in no repository")]
    [InlineData("models/none/unload", null, HttpStatusCode.OK, "")]
    [InlineData("models/%20/load", null, HttpStatusCode.BadRequest, "Model name cannot be empty. Please enter a valid name to deploy.")]
    [InlineData("models/..%2Fm/load", null, HttpStatusCode.BadRequest, "invalid model name '../m', model name must not contain path traversal characters")]
    [InlineData("models/m/load", """{"parameters":1}""", HttpStatusCode.BadRequest, "Unable to parse 'parameters': attempt to access JSON non-object as object")]
    [InlineData("models/m/load", """{"parameters":{"config":1}}""", HttpStatusCode.BadRequest, "Unable to parse 'config': attempt to access JSON non-string as string")]
    [InlineData("models/m/load", """{"parameters":{"other":"x"}}""", HttpStatusCode.BadRequest, "unknown load parameter 'other' (allowed config, file:<path>)")]
    [InlineData("models/m/load", """{"parameters":{"file:1/model.onnx":"AAAA"}}""", HttpStatusCode.BadRequest, "failed to load 'm', failed to poll from model repository: files were given without a 'config' parameter")]
    [InlineData("models/m/load", """{"parameters":{"config":"{}","file:1/m":"not base64!"}}""", HttpStatusCode.BadRequest, "the value of 'file:1/m' is not base64")]
    [InlineData("models/m/load", """{"parameters":{"config":"{}","file:1/m":"","file:1/m":""}}""", HttpStatusCode.BadRequest, "'file:1/m' is given more than once")]
    [InlineData("models/m/load", """{"parameters":{"config":"{}","file:../m":""}}""", HttpStatusCode.BadRequest, "invalid file path '../m': a path within the model's folder, such as '1/model.onnx', is expected")]
    [InlineData("models/m/load", """{"parameters":{"config":"{}","file:1/\u0000":""}}""", HttpStatusCode.BadRequest, "invalid file path '1/\0': a path within the model's folder, such as '1/model.onnx', is expected")]
    [InlineData("models/m/unload", """{"parameters":{"unload_dependents":1}}""", HttpStatusCode.BadRequest, "Unable to parse 'unload_dependents': attempt to access JSON non-boolean as boolean")]
    [InlineData("here/models/m/load", null, HttpStatusCode.NotImplemented, "'repository_name' specification is not supported")]
    [InlineData("here/models/m/unload", null, HttpStatusCode.NotImplemented, "'repository_name' specification is not supported")]
    public async Task Post_EachMistake_IsAnsweredAndHarmsNothing(string path, string? body, HttpStatusCode status, string error)
    {
        await using InferenceServer server = await StartAsync();
        await _repository!.Write("m", ScriptedBackend.Script(5)).LoadAsync("m");

        Answer answer = await server.PostAsync($"/v2/repository/{path}", body);

        if (error.Length > 0) Assert.Equal((status, error), (answer.Status, answer.Error));
        else Assert.Equal((status, ""), (answer.Status, answer.Text));
        Assert.Contains("[9]", (await InferAsync(server)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Index_NestsDeeply_IsRefusedAsInTriton()
    {
        await using InferenceServer server = await StartAsync();

        Answer answer = await server.PostAsync("/v2/repository/index", $$"""{"ready":{{new string('[', 250_000)}}{{new string(']', 250_000)}}}""");

        answer.AssertError(HttpStatusCode.BadRequest, "Invalid value for 'ready': expected a boolean");
    }

    [Fact]
    public async Task Load_HugeBody_IsRefusedBeforeItIsRead()
    {
        await using InferenceServer server = await StartAsync(options => options.MaxInputBytes = 10_000);

        Answer answer = await server.PostAsync("/v2/repository/models/m/load", $$$"""{"parameters":{"config":"{}","file:1/m":"{{{new string('A', 20_000)}}}"}}""");

        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.EndsWith("exceeds the maximum allowed input size of 10000 bytes. Use --http-max-input-size to increase the limit.", answer.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ModelControlMode.None)]
    [InlineData(ModelControlMode.Poll)]
    public async Task LoadAndUnload_OtherModes_AreRefused(ModelControlMode mode)
    {
        await using InferenceServer server = await StartAsync(mode: mode);

        foreach (string call in new[] { "load", "unload" })
        {
            (await server.PostAsync($"/v2/repository/models/m/{call}")).AssertError(HttpStatusCode.ServiceUnavailable, "explicit model load / unload is not allowed if polling is enabled");
        }
    }

    [Fact]
    public async Task Bodies_Random_AreAnswered()
    {
        await using InferenceServer server = await StartAsync();
        Random random = new(20261126);
        string[] parts = ["{", "}", "[", "]", ":", ",", "\"parameters\"", "\"config\"", "\"file:1/m\"", "\"ready\"", "true", "\"unload_dependents\"", "1", "\"\"", "null", "\\", "\"", " "];
        for (int i = 0; i < 300; i++)
        {
            string body = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => parts[random.Next(parts.Length)]));
            string path = new[] { "index", "models/m/load", "models/m/unload" }[i % 3];
            Answer answer = await server.PostAsync($"/v2/repository/{path}", body);
            Assert.True(answer.Status is HttpStatusCode.OK or HttpStatusCode.BadRequest, $"{body}: {answer.Status} {answer.Text}");
        }
    }

    private static Task<Answer> InferAsync(InferenceServer server, string? version = null) =>
        server.PostAsync($"/v2/models/m{(version is null ? "" : $"/versions/{version}")}/infer", """{"inputs":[{"name":"x","datatype":"INT64","shape":[1,1],"data":[4]}]}""");

    private Task<InferenceServer> StartAsync(Action<Server.OpenInference.OpenInferenceOptions>? configure = null, ModelControlMode mode = ModelControlMode.Explicit) =>
        InferenceServer.StartAsync(configure, control: (catalog, pool) =>
        {
            _repository = new ScriptedRepository(options => options with { Mode = mode }, catalog, pool);
            return _repository.Repository;
        });
}
