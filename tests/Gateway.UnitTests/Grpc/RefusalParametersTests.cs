using System.Buffers;
using Gateway.Server.Grpc.Inference;
using Gateway.Server.Grpc.Messages;
using Gateway.Server.Grpc.Wire;

namespace Gateway.UnitTests.Grpc;

/// <summary>What a refused client of a stream finds in its answer.</summary>
public sealed class RefusalParametersTests
{
    [Theory]
    [InlineData("deadline_behind_queue", 12.3, 13)]
    [InlineData("queue_full", null, null)]
    [InlineData(null, 100_000.0, 100_000)]
    [InlineData(null, null, null)]
    public void WriteError_SaysWhyAndWhenToRetry(string? reason, double? milliseconds, int? expected)
    {
        ArrayBufferWriter<byte> to = new();

        InferAnswer.WriteError(to, "no", "7", model: null, new RefusalParameters(reason, milliseconds is { } time ? TimeSpan.FromMilliseconds(time) : null));

        ModelStreamInferResponse answer = ModelStreamInferResponse.Parser.ParseFrom(to.WrittenSpan[MessagePrefix.Bytes..]);
        Assert.Equal(("no", "7"), (answer.ErrorMessage, answer.InferResponse.Id));
        Assert.Equal(reason, answer.InferResponse.Parameters.TryGetValue("refusal", out InferParameter? why) ? why.StringParam : null);
        Assert.Equal(expected, answer.InferResponse.Parameters.TryGetValue("retry_after_ms", out InferParameter? after) ? (int)after.Int64Param : null);
    }
}
