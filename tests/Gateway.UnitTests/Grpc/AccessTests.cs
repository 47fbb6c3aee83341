using Gateway.Server.Grpc.Messages;
using Gateway.Server.Grpc.Messages.Health;
using Gateway.Server.Hosting;
using Gateway.Server.Tenants;
using Google.Protobuf;

namespace Gateway.UnitTests.Grpc;

public sealed class AccessTests
{
    [Theory]
    [InlineData(null, 16, "this server asks for an access token")]
    [InlineData("Bearer wrong", 16, "the access token is wrong")]
    [InlineData("Basic secret", 16, "the access token is wrong")]
    [InlineData("Bearer secret", 0, "")]
    [InlineData("bearer secret", 0, "")]
    public async Task Call_Token_IsAskedFor(string? authorization, int status, string text)
    {
        await using GrpcServer server = await GrpcServer.StartAsync(new ServerOptions { AccessToken = "secret" });
        (string, string)[] metadata = authorization is null ? [] : [("authorization", authorization)];

        GrpcAnswer infer = await server.Client.CallAsync("ModelInfer", Requests.Raw("rank", [1, 3], 1, 2, 3), metadata);
        GrpcAnswer health = await server.Client.SendAsync("/grpc.health.v1.Health/Check", GrpcClient.Frame(new HealthCheckRequest().ToByteArray()));

        Assert.Equal((status, text), (infer.Status, infer.Message));
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, health.Single(HealthCheckResponse.Parser).Status);
        Assert.True((await server.Client.CallAsync("ServerLive", new ServerLiveRequest())).Single(ServerLiveResponse.Parser).Live);
    }

    [Theory]
    [InlineData("health", "/grpc.health.v1.Health/Check")]
    [InlineData("health", GrpcClient.Service + "ServerLive")]
    [InlineData("health", GrpcClient.Service + "ModelReady")]
    [InlineData("metadata", GrpcClient.Service + "ModelMetadata")]
    [InlineData("inference", GrpcClient.Service + "ModelInfer")]
    [InlineData("inference", GrpcClient.Service + "ModelStreamInfer")]
    [InlineData("shared-memory", GrpcClient.Service + "SystemSharedMemoryStatus")]
    [InlineData("shared-memory", GrpcClient.Service + "CudaSharedMemoryRegister")]
    [InlineData("model-config", GrpcClient.Service + "ModelConfig")]
    [InlineData("model-repository", GrpcClient.Service + "RepositoryModelLoad")]
    [InlineData("statistics", GrpcClient.Service + "ModelStatistics")]
    [InlineData("trace", GrpcClient.Service + "TraceSetting")]
    [InlineData("logging", GrpcClient.Service + "LogSettings")]
    public async Task Restricted_EachGroup_AsksForItsMetadata(string group, string path)
    {
        await using GrpcServer server = await GrpcServer.StartAsync(new ServerOptions { GrpcRestrictedProtocol = [$"{group}:Key=secret"] });

        foreach (string? given in new[] { null, "", "Secret", "secret1" })
        {
            GrpcAnswer refused = await SendAsync(given);
            Assert.Equal((14, "This protocol is restricted, expecting header 'triton-grpc-protocol-Key'"), (refused.Status, refused.Message));
        }

        Assert.DoesNotContain("restricted", (await SendAsync("secret")).Message, StringComparison.Ordinal);
        string other = group == "metadata" ? "ServerLive" : "ServerMetadata";
        Assert.Equal(0, (await server.Client.SendAsync(GrpcClient.Service + other, GrpcClient.Frame([]))).Status);

        Task<GrpcAnswer> SendAsync(string? given) =>
            server.Client.SendAsync(path, GrpcClient.Frame([]), given is null ? [] : [("triton-grpc-protocol-key", given)]);
    }

    [Fact]
    public async Task Call_OfATenantBeyondItsLimit_IsRefusedAndOthersAreNot()
    {
        TenantsOptions tenants = new() { TrustNames = true, Named = { ["slow"] = new TenantOptions { MaxRequestsPerSecond = 0.001, RequestBurst = 1 } } };
        await using GrpcServer server = await GrpcServer.StartAsync(tenants: tenants);

        GrpcAnswer first = await Ask("slow");
        GrpcAnswer second = await Ask("slow");
        GrpcAnswer other = await Ask("other");
        using GrpcDuplex stream = server.Client.Open(GrpcClient.Service + "ModelStreamInfer", ("inference-tenant", "slow"));
        await stream.WriteAsync(Requests.Raw("rank", [1, 3], 1, 2, 3));
        string streamed = (await stream.ReadAsync(ModelStreamInferResponse.Parser))!.ErrorMessage;
        stream.Close();

        Assert.Equal((0, 8, 0), (first.Status, second.Status, other.Status));
        Assert.True(int.Parse(second.Metadata["grpc-retry-pushback-ms"], System.Globalization.CultureInfo.InvariantCulture) > 1000);
        Assert.NotEmpty(second.Metadata["inference-refusal"]);
        Assert.Equal(second.Message, streamed);
        Assert.Equal((0, ""), await stream.EndAsync());

        Task<GrpcAnswer> Ask(string tenant) => server.Client.CallAsync("ModelInfer", Requests.Raw("rank", [1, 3], 1, 2, 3), ("inference-tenant", tenant));
    }

    [Fact]
    public async Task Call_WithATenantsKey_NeedsNoToken()
    {
        TenantsOptions tenants = new() { Named = { ["a"] = new TenantOptions { ApiKeys = { "a key of its own, long" } } } };
        await using GrpcServer server = await GrpcServer.StartAsync(new ServerOptions { AccessToken = "secret" }, tenants);

        Assert.Equal(0, (await server.Client.CallAsync("ModelInfer", Requests.Raw("rank", [1, 3], 1, 2, 3), ("authorization", "Bearer a key of its own, long"))).Status);
    }
}
