using Gateway.Core.Models;
using Gateway.Server.Grpc.Messages.Health;
using Gateway.Server.Hosting;
using Google.Protobuf;
using ServingStatus = Gateway.Server.Grpc.Messages.Health.HealthCheckResponse.Types.ServingStatus;

namespace Gateway.UnitTests.Grpc;

public sealed class HealthTests : IAsyncLifetime
{
    private GrpcServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await GrpcServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("", true)]
    [InlineData("inference.GRPCInferenceService", true)]
    [InlineData("liveness", true)]
    [InlineData("rank", true)]
    [InlineData("broken", false)]
    public async Task Check_Service_IsItsStatus(string service, bool isServing)
    {
        _server.Catalog.Set(new ModelStatus("broken", 1, ModelState.Unavailable, "unloaded", null, TimeSpan.Zero));

        GrpcAnswer answer = await _server.Client.SendAsync("/grpc.health.v1.Health/Check", GrpcClient.Frame(new HealthCheckRequest { Service = service }.ToByteArray()));

        Assert.Equal(isServing ? ServingStatus.Serving : ServingStatus.NotServing, answer.Single(HealthCheckResponse.Parser).Status);
    }

    [Fact]
    public async Task Watch_StatusChanges_IsTold()
    {
        using GrpcDuplex watch = _server.Client.Open("/grpc.health.v1.Health/Watch");
        await watch.WriteAsync(new HealthCheckRequest());
        watch.Close();

        Assert.Equal(ServingStatus.Serving, (await watch.ReadAsync(HealthCheckResponse.Parser))!.Status);
        _server.Server.Health.Enter(ServerPhase.Exiting);
        Assert.Equal(ServingStatus.NotServing, (await watch.ReadAsync(HealthCheckResponse.Parser))!.Status);
    }

    [Fact]
    public async Task Watch_ModelIsGone_IsNotTheServersStatus()
    {
        using GrpcDuplex watch = _server.Client.Open("/grpc.health.v1.Health/Watch");
        await watch.WriteAsync(new HealthCheckRequest { Service = "rank" });
        watch.Close();
        Assert.Equal(ServingStatus.Serving, (await watch.ReadAsync(HealthCheckResponse.Parser))!.Status);

        _server.Catalog.Replace("rank", []);

        Assert.Equal(ServingStatus.ServiceUnknown, (await watch.ReadAsync(HealthCheckResponse.Parser))!.Status);
    }

    [Fact]
    public async Task Watch_ServerStops_Ends()
    {
        using GrpcDuplex watch = _server.Client.Open("/grpc.health.v1.Health/Watch");
        await watch.WriteAsync(new HealthCheckRequest());
        Assert.Equal(ServingStatus.Serving, (await watch.ReadAsync(HealthCheckResponse.Parser))!.Status);

        Task stop = _server.StopAsync();

        Assert.Equal(ServingStatus.NotServing, (await watch.ReadAsync(HealthCheckResponse.Parser))!.Status);
        Assert.Null(await watch.ReadAsync(HealthCheckResponse.Parser));
        Assert.Equal(14, (await watch.EndAsync()).Status);
        watch.Close();
        await stop;
    }
}
