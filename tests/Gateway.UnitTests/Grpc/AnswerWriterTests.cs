using System.Buffers;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.Server.Grpc;
using Gateway.Server.Grpc.Inference;
using Gateway.Server.OpenInference;
using Google.Protobuf;

namespace Gateway.UnitTests.Grpc;

public sealed class AnswerWriterTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Write_AnswerBeyondTheLimit_IsRefusedWithTritonsText(bool isStreamed)
    {
        await using GrpcServer server = await GrpcServer.StartAsync();
        byte[] message = Requests.Raw("rank", [1, 3], 1, 2, 3).ToByteArray();
        AnswerPlan plan = new(server.Pool);
        using InferenceRequest request = server.Catalog.RentRequest(server.Catalog.Find("rank", 0), 0);
        InferMessage read = new();
        read.Read(message);
        InferFill.Fill(request, read, message, plan, server.Pool, Core.Memory.Shared.SharedRegions.Disabled, null, 0);
        await request.Model.InferAsync(request);
        plan.Complete(request);
        ArrayBufferWriter<byte> text = new();
        long bytes = new AnswerWriter(server.Pool, new GrpcOptions()).Write(text, request, plan, isStreamed, ContentCoding.Identity) - 5;

        Assert.Equal(bytes + 5, new AnswerWriter(server.Pool, new GrpcOptions(), bytes).Write(text, request, plan, isStreamed, ContentCoding.Identity));
        InferenceException error = Assert.Throws<InferenceException>(() => new AnswerWriter(server.Pool, new GrpcOptions(), bytes - 1).Write(text, request, plan, isStreamed, ContentCoding.Identity));

        Assert.Equal((StatusCode.InvalidArgument, $"Response has byte size {bytes} which exceeds gRPC's byte size limit {bytes - 1}."), (error.Status, error.Message));
        plan.Clear();
    }
}
