using Gateway.Server.Grpc.Messages;
using Gateway.Server.Grpc.Messages.Health;
using Gateway.Server.Hosting;
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
}
