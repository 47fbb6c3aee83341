using Gateway.Server.Grpc.Messages.Reflection.V1;
using Google.Protobuf.Reflection;

namespace Gateway.UnitTests.Grpc;

public sealed class ReflectionTests
{
    [Fact]
    public async Task Reflection_ServerStops_Ends()
    {
        await using GrpcServer server = await GrpcServer.StartAsync();
        using GrpcDuplex stream = server.Client.Open("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo");
        await stream.WriteAsync(new ServerReflectionRequest { ListServices = "" });
        Assert.NotNull(await stream.ReadAsync(ServerReflectionResponse.Parser));

        Task stop = server.StopAsync();

        Assert.Equal((14, "GRPC server is shutting down and has stopped accepting new requests."), await stream.EndAsync().WaitAsync(TimeSpan.FromSeconds(10), TimeProvider.System, TestContext.Current.CancellationToken));
        stream.Close();
        await stop;
    }

    [Theory]
    [InlineData("v1")]
    [InlineData("v1alpha")]
    public async Task Reflection_ListsServicesAndDescribesThem(string version)
    {
        await using GrpcServer server = await GrpcServer.StartAsync();
        using GrpcDuplex stream = server.Client.Open($"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");

        ServerReflectionResponse list = await AskAsync(new ServerReflectionRequest { Host = "h", ListServices = "" });
        ServerReflectionResponse file = await AskAsync(new ServerReflectionRequest { FileContainingSymbol = "inference.GRPCInferenceService.ModelInfer" });
        ServerReflectionResponse byName = await AskAsync(new ServerReflectionRequest { FileByFilename = "model_config.proto" });
        ServerReflectionResponse unknown = await AskAsync(new ServerReflectionRequest { FileContainingSymbol = "inference.Nothing" });
        stream.Close();

        Assert.Equal(
            ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection", "inference.GRPCInferenceService"],
            list.ListServicesResponse.Service.Select(service => service.Name));
        Assert.Equal("h", list.ValidHost);
        FileDescriptorProto[] files = [.. file.FileDescriptorResponse.FileDescriptorProto.Select(bytes => FileDescriptorProto.Parser.ParseFrom(bytes))];
        Assert.Equal(["grpc_service.proto", "model_config.proto"], files.Select(each => each.Name));
        Assert.Equal(20, files[0].Service.Single().Method.Count);
        Assert.Equal("model_config.proto", FileDescriptorProto.Parser.ParseFrom(Assert.Single(byName.FileDescriptorResponse.FileDescriptorProto)).Name);
        Assert.Equal((5, "there is no inference.Nothing"), (unknown.ErrorResponse.ErrorCode, unknown.ErrorResponse.ErrorMessage));
        Assert.Equal((0, ""), await stream.EndAsync());

        async Task<ServerReflectionResponse> AskAsync(ServerReflectionRequest request)
        {
            await stream.WriteAsync(request);
            return (await stream.ReadAsync(ServerReflectionResponse.Parser))!;
        }
    }
}
