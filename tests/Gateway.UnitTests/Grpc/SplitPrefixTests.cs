using System.Text;
using Gateway.UnitTests.OpenInference;
using Google.Protobuf;
using static Gateway.UnitTests.Grpc.Http2Wire;
using DataType = Gateway.Protocol.Tensors.DataType;

namespace Gateway.UnitTests.Grpc;

/// <summary>Messages whose five bytes of prefix come in two frames.</summary>
public sealed class SplitPrefixTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private GrpcServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await GrpcServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Infer_RestOfThePrefix_IsNotTakenForAPrefix(int first)
    {
        // A name of ten bytes: its length is a model name's tag.
        _server.Server.Add(
            "classifier", 1, 8, [SampleModels.Spec("x", DataType.Fp32, [64])], [SampleModels.Spec("y", DataType.Fp32, [10])], (layout, pool) => new FixedExecutor(layout, pool));
        byte[] message = GrpcClient.Frame(Requests.Raw("classifier", [1, 64], new float[64]).ToByteArray());
        using Http2Wire wire = await OpenAsync(_server.Port);

        await wire.CallAsync(1, GrpcClient.Service + "ModelInfer");
        await wire.DataAsync(1, message[..first]);
        await wire.DataAsync(1, message[first..100]);
        await wire.DataAsync(1, message[100..], isLast: true);

        Frame? end = await wire.ReadAsync(frame => frame.EndsStream || frame.Type is ResetStream or GoAway).WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.Equal(Headers, end?.Type);
        Assert.EndsWith("grpc-status\u00010", Encoding.Latin1.GetString(end!.Payload), StringComparison.Ordinal);
    }
}
