using System.Net;
using Gateway.Core.Models;
using Gateway.Server.Hosting;
using Gateway.Server.OpenInference;

namespace Gateway.UnitTests.OpenInference;

public sealed class RouteTests
{
    [Theory]
    [InlineData("/v2", RouteKind.ServerMetadata, "", "")]
    [InlineData("/v2?x=/v2/health/live", RouteKind.ServerMetadata, "", "")]
    [InlineData("/v2/", RouteKind.Unknown, "", "")]
    [InlineData("/v2/cache", RouteKind.Cache, "", "")]
    [InlineData("/v2/models/m/cache", RouteKind.ModelCache, "m", "")]
    [InlineData("/v2/models/m/versions/3/cache", RouteKind.ModelCache, "m", "3")]
    [InlineData("/v22", RouteKind.Foreign, "", "")]
    [InlineData("/V2", RouteKind.Foreign, "", "")]
    [InlineData("/", RouteKind.Foreign, "", "")]
    [InlineData("*", RouteKind.Foreign, "", "")]
    [InlineData("/v1/models/m", RouteKind.Foreign, "", "")]
    [InlineData("/v2/health/live", RouteKind.Live, "", "")]
    [InlineData("/v2/health/live/", RouteKind.Unknown, "", "")]
    [InlineData("/v2/health/Live", RouteKind.Unknown, "", "")]
    [InlineData("/v2/health/ready?verbose", RouteKind.Ready, "", "")]
    [InlineData("/v2/models/m", RouteKind.ModelMetadata, "m", "")]
    [InlineData("/v2/models/m/", RouteKind.Unknown, "m", "")]
    [InlineData("/v2/models/", RouteKind.Unknown, "", "")]
    [InlineData("/v2/models", RouteKind.Unknown, "", "")]
    [InlineData("/v2/models/stats", RouteKind.Statistics, "", "")]
    [InlineData("/v2/models/stats/ready", RouteKind.ModelReady, "stats", "")]
    [InlineData("/v2/models/m/stats", RouteKind.ModelStatistics, "m", "")]
    [InlineData("/v2/models/m/versions/2/stats", RouteKind.ModelStatistics, "m", "2")]
    [InlineData("/v2/models/m/config", RouteKind.ModelConfig, "m", "")]
    [InlineData("/v2/models/m/generate", RouteKind.Generate, "m", "")]
    [InlineData("/v2/models/m/versions/1/generate_stream", RouteKind.GenerateStream, "m", "1")]
    [InlineData("/v2/models/m/trace/setting", RouteKind.ModelTraceSetting, "m", "")]
    [InlineData("/v2/models/m/versions/1/trace/setting", RouteKind.Unknown, "m", "1")]
    [InlineData("/v2/trace/setting", RouteKind.TraceSetting, "", "")]
    [InlineData("/v2/logging", RouteKind.Logging, "", "")]
    [InlineData("/v2/repository/index", RouteKind.RepositoryIndex, "", "")]
    [InlineData("/v2/repository/here/index", RouteKind.RepositoryIndex, "", "")]
    [InlineData("/v2/repository/models/m/load", RouteKind.RepositoryLoad, "m", "")]
    [InlineData("/v2/repository/models/a%20b/unload", RouteKind.RepositoryUnload, "a b", "")]
    [InlineData("/v2/repository/here/models/m/load", RouteKind.NamedRepository, "m", "")]
    [InlineData("/v2/repository/models/m", RouteKind.Unknown, "m", "")]
    [InlineData("/v2/repository/models//load", RouteKind.Unknown, "", "")]
    [InlineData("/v2/repository/", RouteKind.Unknown, "", "")]
    [InlineData("/v2/repository/here", RouteKind.Unknown, "", "")]
    [InlineData("/v2/repository//index", RouteKind.Unknown, "", "")]
    [InlineData("/v2/systemsharedmemory/status", RouteKind.SystemMemoryStatus, "", "")]
    [InlineData("/v2/systemsharedmemory/region/r/status", RouteKind.SystemMemoryStatus, "r", "")]
    [InlineData("/v2/systemsharedmemory/region/a%20b/register", RouteKind.SystemMemoryRegister, "a b", "")]
    [InlineData("/v2/systemsharedmemory/register", RouteKind.SystemMemoryRegister, "", "")]
    [InlineData("/v2/systemsharedmemory/unregister", RouteKind.SystemMemoryUnregister, "", "")]
    [InlineData("/v2/cudasharedmemory/status", RouteKind.CudaMemoryStatus, "", "")]
    [InlineData("/v2/cudasharedmemory/region/r/register", RouteKind.CudaMemoryRegister, "r", "")]
    [InlineData("/v2/cudasharedmemory/region/r/unregister", RouteKind.CudaMemoryUnregister, "r", "")]
    [InlineData("/v2/systemsharedmemory", RouteKind.Unknown, "", "")]
    [InlineData("/v2/systemsharedmemory/region//status", RouteKind.Unknown, "", "")]
    [InlineData("/v2/systemsharedmemory/region/r", RouteKind.Unknown, "r", "")]
    [InlineData("/v2/systemsharedmemory/other", RouteKind.Unknown, "", "")]
    [InlineData("/v2/models/stats/versions/1", RouteKind.ModelMetadata, "stats", "1")]
    [InlineData("/v2/models/m/ready", RouteKind.ModelReady, "m", "")]
    [InlineData("/v2/models/m/versions/12/ready", RouteKind.ModelReady, "m", "12")]
    [InlineData("/v2/models/m/infer", RouteKind.Infer, "m", "")]
    [InlineData("/v2/models/m/versions/3/infer", RouteKind.Infer, "m", "3")]
    [InlineData("/v2/models/m/versions/3x/infer", RouteKind.Unknown, "", "")]
    [InlineData("/v2/models/m/versions//infer", RouteKind.Unknown, "", "")]
    [InlineData("/v2/models/a%20b%2Fc/infer", RouteKind.Infer, "a b/c", "")]
    [InlineData("/v2/models/a/b/infer", RouteKind.Unknown, "a", "")]
    [InlineData("http://host:8000/v2/models/m?q", RouteKind.ModelMetadata, "m", "")]
    [InlineData("http://host", RouteKind.Foreign, "", "")]
    public void Parse_Target_IsTakenApart(string target, object kind, string model, string version)
    {
        Route route = Route.Parse(target);

        Assert.Equal((kind, model, version), (route.Kind, route.Model.ToString(), route.VersionText.ToString()));
    }

    [Fact]
    public async Task Get_HealthAndMetadata_AnswerAsTritonAndKServe()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Assert.Equal("""{"live":true}""", (await server.GetAsync("/v2/health/live")).Text);
        Assert.Equal("""{"ready":true}""", (await server.GetAsync("/v2/health/ready")).Text);
        Assert.Equal("""{"name":"two","ready":true}""", (await server.GetAsync("/v2/models/two/ready")).Text);
        string metadata = (await server.GetAsync("/v2")).Text;
        Assert.StartsWith("""{"name":"triton","version":""", metadata);
        Assert.EndsWith(""","statistics","trace","logging"]}""", metadata);
        Assert.Equal(
            """{"name":"two","versions":["1"],"platform":"onnxruntime_onnx","inputs":[{"name":"a","datatype":"FP32","shape":[-1,2]},{"name":"b","datatype":"INT32","shape":[-1,2]}],"outputs":[{"name":"first","datatype":"FP32","shape":[-1,2]},{"name":"second","datatype":"INT32","shape":[-1,2]}]}""",
            (await server.GetAsync("/v2/models/two")).Text);
        Assert.Contains("\"shape\":[4]", (await server.GetAsync("/v2/models/vector/versions/1")).Text);
        Assert.Equal(HttpStatusCode.OK, (await server.GetAsync("/v2/models/spaced%20name")).Status);
    }

    [Theory]
    [InlineData("/v2/models/none", HttpStatusCode.NotFound, "Request for unknown model: 'none' is not found")]
    [InlineData("/v2/models/two/versions/9", HttpStatusCode.NotFound, "Request for unknown model: 'two' version 9 is not found")]
    [InlineData("/v2/models/two/versions/0", HttpStatusCode.NotFound, "Request for unknown model: 'two' version 0 is not found")]
    [InlineData("/v2/models/two/versions/99999999999999999999", HttpStatusCode.BadRequest, "failed to get model version from specified version string '99999999999999999999' (details: stol), version should be an integral value > 0")]
    [InlineData("/v2/models/two/versions/x", HttpStatusCode.NotFound, "Not Found")]
    [InlineData("/v2/nothing", HttpStatusCode.NotFound, "Not Found")]
    [InlineData("/v2/models/two/infer", HttpStatusCode.MethodNotAllowed, "Method Not Allowed")]
    [InlineData("/v2/models/none/ready", HttpStatusCode.BadRequest, "Model version not ready")]
    [InlineData("/v2/models/two/versions/9/ready", HttpStatusCode.BadRequest, "Model version not ready")]
    public async Task Get_WhatIsNotThere_IsTheProtocolsError(string path, HttpStatusCode status, string error)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.GetAsync(path);

        answer.AssertError(status, error);
    }

    [Fact]
    public async Task Get_ForeignPath_GoesOn()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Assert.Equal((HttpStatusCode)418, (await server.GetAsync("/V2/health/live")).Status);
    }

    [Fact]
    public async Task Get_SeveralVersions_ListsTheReadyOnes()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        server.Add("text", 10, 8, [SampleModels.Spec("s", Protocol.Tensors.DataType.Fp32, [1])], [SampleModels.Spec("t", Protocol.Tensors.DataType.Fp32, [1])], (layout, pool) => new EchoExecutor(layout, pool));
        server.Catalog.Set(new ModelStatus("text", 11, ModelState.Unavailable, "it is broken", null, TimeSpan.Zero));

        Assert.Contains("\"versions\":[\"1\",\"10\"]", (await server.GetAsync("/v2/models/text")).Text);
        Assert.Contains("\"versions\":[\"1\"]", (await server.GetAsync("/v2/models/text/versions/1")).Text);
        (await server.GetAsync("/v2/models/text/versions/11")).AssertError(HttpStatusCode.ServiceUnavailable, "Request for unknown model: 'text' version 11 is not at ready state");
        Answer ready = await server.GetAsync("/v2/health/ready");
        Assert.Equal((HttpStatusCode.BadRequest, """{"ready":false}"""), (ready.Status, ready.Text));
    }

    [Fact]
    public async Task Get_Health_WhenExiting_Is503()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        server.Health.Enter(ServerPhase.Exiting);

        (await server.GetAsync("/v2/health/live")).AssertError(HttpStatusCode.ServiceUnavailable, "Server exiting");
        (await server.GetAsync("/v2/health/ready")).AssertError(HttpStatusCode.ServiceUnavailable, "Server exiting");
    }
}
