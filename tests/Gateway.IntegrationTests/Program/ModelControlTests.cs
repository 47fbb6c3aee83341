using System.Net;
using Gateway.TestSupport;

namespace Gateway.IntegrationTests.Program;

/// <summary>Model control in the real program, with ONNX Runtime.</summary>
public sealed class ModelControlTests : IDisposable
{
    private readonly DirectoryInfo _repository = Directory.CreateTempSubdirectory("gateway-control-");
    private readonly HttpClient _client = new();

    public void Dispose()
    {
        _client.Dispose();
        _repository.Delete(recursive: true);
    }

    [Fact]
    public async Task Explicit_LoadReloadUnload_AreServedAsAsked()
    {
        Write("a", 1);
        Write("b", 1);
        await using GatewayProcess server = await GatewayProcess.ServeAsync("--model-repository", _repository.FullName, "--model-control-mode=explicit", "--load-model=a");
        Assert.Equal("""[{"name":"a","version":"1","state":"READY"},{"name":"b"}]""", await PostAsync(server, "/v2/repository/index"));

        await PostAsync(server, "/v2/repository/models/b/load");
        Assert.Contains("[1,1]", await InferAsync(server, "b"), StringComparison.Ordinal);
        Write("b", 7);
        await PostAsync(server, "/v2/repository/models/b/load");
        Assert.Contains("[7,7]", await InferAsync(server, "b"), StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(_repository.FullName, "b", "1", "model.onnx"), "half a model");
        Assert.StartsWith("""{"error":"load failed for model 'b': version 1 is at UNAVAILABLE state: """, await PostAsync(server, "/v2/repository/models/b/load", HttpStatusCode.BadRequest), StringComparison.Ordinal);
        Assert.Contains("[7,7]", await InferAsync(server, "b"), StringComparison.Ordinal);
        await PostAsync(server, "/v2/repository/models/b/unload");
        Assert.Contains("has no available versions", await InferAsync(server, "b", HttpStatusCode.NotFound), StringComparison.Ordinal);

        server.Signal(GatewayProcess.Terminate);
        Assert.Equal(0, await server.WaitForExitAsync());
    }

    [Fact]
    public async Task Poll_ChangedModel_IsServed()
    {
        await using GatewayProcess server = await GatewayProcess.ServeAsync("--model-repository", _repository.FullName, "--model-control-mode=poll", "--repository-poll-secs=1");

        Write("a", 3);
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(60));
        while (!(await InferAsync(server, "a", null)).Contains("[3,3]", StringComparison.Ordinal)) await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, patience.Token);

        server.Signal(GatewayProcess.Terminate);
        Assert.Equal(0, await server.WaitForExitAsync());
    }

    private void Write(string model, float constant)
    {
        string folder = Directory.CreateDirectory(Path.Combine(_repository.FullName, model, "1")).FullName;
        File.WriteAllBytes(Path.Combine(folder, "model.onnx"), OnnxFile.Constant(constant, 2));
    }

    private Task<string> InferAsync(GatewayProcess server, string model, HttpStatusCode? status = HttpStatusCode.OK) =>
        PostAsync(server, $"/v2/models/{model}/infer", status, """{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[5,6]}]}""");

    private async Task<string> PostAsync(GatewayProcess server, string path, HttpStatusCode? status = HttpStatusCode.OK, string body = "{}")
    {
        using StringContent content = new(body);
        using HttpResponseMessage answer = await _client.PostAsync(new Uri(new Uri(server.HttpAddress), path), content, TestContext.Current.CancellationToken);
        string text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        if (status is not null) Assert.True(answer.StatusCode == status, text);
        return text;
    }
}
