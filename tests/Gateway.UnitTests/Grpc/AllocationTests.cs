using Gateway.Server.Grpc.Messages;
using Gateway.UnitTests.OpenInference;
using Google.Protobuf;
using DataType = Gateway.Protocol.Tensors.DataType;

namespace Gateway.UnitTests.Grpc;

/// <summary>What a call allocates, from its first byte to its last.</summary>
/// <remarks>Not beside other tests: it counts the whole process.</remarks>
[Collection(nameof(OpenInference.AllocationTests))]
public sealed class AllocationTests
{
    private const int BudgetBytes = 256;
    private const int Calls = 16;
    private const int Rounds = 500;

    private static readonly byte[] Body = GrpcClient.Frame(Request().ToByteArray());

    [Fact]
    public async Task Infer_InSteadyState_StaysWithinTheBudget()
    {
        await using GrpcServer server = await GrpcServer.StartAsync();
        server.Server.Add(
            "steady", 1, 8, [SampleModels.Spec("x", DataType.Fp32, [64])], [SampleModels.Spec("y", DataType.Fp32, [10])], (layout, pool) => new FixedExecutor(layout, pool));

        long perCall = Measure(server.Port, GrpcClient.Service + "ModelInfer");

        TestContext.Current.SendDiagnosticMessage($"{perCall} bytes a call");
        Assert.True(perCall <= BudgetBytes, $"{perCall} bytes a call");
    }

    [Fact]
    public async Task StreamInfer_InSteadyState_StaysWithinTheBudget()
    {
        await using GrpcServer server = await GrpcServer.StartAsync();
        server.Server.Add(
            "steady", 1, 8, [SampleModels.Spec("x", DataType.Fp32, [64])], [SampleModels.Spec("y", DataType.Fp32, [10])], (layout, pool) => new FixedExecutor(layout, pool));
        using RawHttp2 client = new(server.Port, GrpcClient.Service + "ModelStreamInfer", Body);
        for (int i = 0; i < Rounds; i++) client.ExchangeOnAStream(Calls);
        long before = GC.GetTotalAllocatedBytes(precise: true);

        for (int i = 0; i < Rounds; i++) client.ExchangeOnAStream(Calls);

        long perCall = (GC.GetTotalAllocatedBytes(precise: true) - before) / (Rounds * Calls);
        TestContext.Current.SendDiagnosticMessage($"{perCall} bytes a message");
        Assert.True(perCall <= BudgetBytes, $"{perCall} bytes a message");
    }

    private static long Measure(int port, string path)
    {
        using RawHttp2 client = new(port, path, Body);
        for (int i = 0; i < Rounds; i++) client.Exchange(Calls);
        long before = GC.GetTotalAllocatedBytes(precise: true);
        for (int i = 0; i < Rounds; i++) client.Exchange(Calls);
        return (GC.GetTotalAllocatedBytes(precise: true) - before) / (Rounds * Calls);
    }

    private static ModelInferRequest Request()
    {
        ModelInferRequest request = Requests.Raw("steady", [1, 64], new float[64]);
        request.Outputs.Add(new ModelInferRequest.Types.InferRequestedOutputTensor { Name = "y" });
        return request;
    }
}
