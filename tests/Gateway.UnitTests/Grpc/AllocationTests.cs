using System.IO.Pipelines;
using System.Net;
using Gateway.Server.Grpc;
using Gateway.Server.Grpc.Messages;
using Gateway.Server.Hosting;
using Gateway.UnitTests.OpenInference;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using DataType = Gateway.Protocol.Tensors.DataType;

namespace Gateway.UnitTests.Grpc;

/// <summary>What a call allocates beyond what Kestrel does for any call that waits and takes and gives the same bytes.</summary>
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
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        ListenOptions? bare = null;
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => (bare = listen).Protocols = HttpProtocols.Http2));
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>, WireMemoryPool>();
        await using WebApplication app = builder.Build();
        IServer kestrel = app.Services.GetRequiredService<IServer>();
        await kestrel.StartAsync(new GrpcApplication([new BareMethod()], server.Pool, new GrpcOptions(), Core.Tenants.TenantDirectory.None, TimeProvider.System), TestContext.Current.CancellationToken);

        long floor = Measure(((IPEndPoint)bare!.EndPoint).Port, BareMethod.BarePath);
        long perCall = Measure(server.Port, GrpcClient.Service + "ModelInfer");
        await kestrel.StopAsync(TestContext.Current.CancellationToken);

        TestContext.Current.SendDiagnosticMessage($"{perCall} bytes a call, of which {floor} are the server's own");
        Assert.True(perCall - floor <= BudgetBytes, $"{perCall} bytes a call, of which {floor} are the server's own");
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

    /// <summary>Takes a message and, after a wait that costs nothing of its own, gives as many bytes as an answer has.</summary>
    private sealed class BareMethod() : GrpcMethod(BarePath)
    {
        public const string BarePath = "/bare.Service/Bare";
        private const int AnswerBytes = 80;

        // One task for all that wait at the same time: it ends for all of them at once.
        private readonly Lock _lock = new();
        private TaskCompletionSource _turn = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _waiting;

        public override Task ServeAsync(GrpcCall call)
        {
            call.Body.TryRead(out ReadResult result);
            call.Body.AdvanceTo(result.Buffer.End);
            call.Begin();
            call.Output.GetSpan(AnswerBytes)[..AnswerBytes].Clear();
            call.Output.Advance(AnswerBytes);
            call.HasMessages = true;
            call.Succeed();
            call.Clear();
            Task turn;
            lock (_lock)
            {
                turn = _turn.Task;
                if (++_waiting < Calls) return turn;
                _waiting = 0;
                TaskCompletionSource all = _turn;
                _turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                all.SetResult();
            }

            return turn;
        }
    }
}
