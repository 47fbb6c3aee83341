using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Server.Grpc.Messages;
using Gateway.Server.Grpc.Wire;
using Gateway.Server.Remote;
using Gateway.Server.Remote.Grpc;
using Gateway.TestSupport.Simulation.Fleets;
using Google.Protobuf;

namespace Gateway.UnitTests.Remote;

/// <summary>What upstreams answer over gRPC: the right answer is read where it lies, and nothing else passes.</summary>
public sealed class GrpcAnswerReaderTests : AnswerReaderTesting
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Read_AsAskedFor_RowsLieWhereTheyCame(bool isReversed)
    {
        ModelInferResponse answer = Good();
        if (isReversed) answer = new ModelInferResponse { ModelVersion = "7", Outputs = { answer.Outputs.Reverse() }, RawOutputContents = { answer.RawOutputContents.Reverse() } };
        GrpcAnswerReader reader = new(Layout);

        BlockBatchOutput output = reader.Read(Body(answer), rows: 2);

        Assert.Equal("7", reader.Version);
        Assert.Equal(Numbers[8..], output.Rows(0, 1, 1).Bytes.ToArray());
        Assert.Equal("[1,2]", output.Rows(0, 1, 1).Shape.ToString());
        Assert.Equal(Strings[..5], output.Rows(1, 0, 1).Bytes.ToArray());
        Assert.Equal(Strings[5..], output.Rows(1, 1, 1).Bytes.ToArray());
        output.Release();
    }

    public static TheoryData<string, Action<ModelInferResponseBox>> Wrong => new()
    {
        { "no output 's'", box => box.RemoveLast() },
        { "an output that was not asked for", box => box.Response.Outputs[0].Name = "z" },
        { "output 'y' twice", box => box.Response.Outputs[1] = box.Response.Outputs[0] },
        { "of type FP32 instead of INT32", box => box.Response.Outputs[0].Datatype = "FP32" },
        { "in shape [3,2] for a batch of 2, where [2,2] was expected", box => box.Response.Outputs[0].Shape[0] = 3 },
        { "output 'y' of 15 bytes in shape [2,2]", box => box.Response.RawOutputContents[0] = ByteString.CopyFrom(Numbers, 0, 15) },
        { "of fewer strings than the 2 of its shape", box => box.Response.RawOutputContents[1] = ByteString.CopyFrom(Strings, 0, 5) },
        { "outputs that are not in raw form", box => box.Response.RawOutputContents.Clear() },
        { "outputs that are not in raw form", box => box.Response.Outputs[0].Contents = new InferTensorContents { IntContents = { 1 } } },
        { "more outputs than were asked for", box => box.Response.RawOutputContents.Add(ByteString.Empty) },
        { "more outputs than were asked for", box => box.Response.Outputs.Add(box.Response.Outputs[0]) },
        { "a shape that is none", box => box.Response.Outputs[0].Shape.Add(Enumerable.Repeat(1L, 9)) },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Read_AnythingElse_IsGarbage(string expected, Action<ModelInferResponseBox> damage)
    {
        ModelInferResponseBox box = new(Good());
        damage(box);

        UpstreamException error = Assert.Throws<UpstreamException>(() => new GrpcAnswerReader(Layout).Read(Body(box.Response), rows: 2));

        Assert.Equal(UpstreamFailure.Garbage, error.Failure);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_DamagedAnswers_AreReadOrGarbage()
    {
        SeededRandom random = new(20261126);
        GrpcAnswerReader reader = new(Layout);
        byte[] good = Good().ToByteArray();
        int read = 0;
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = [.. good];
            for (int hits = random.NextBelow(4); hits >= 0; hits--) bytes[random.NextBelow(bytes.Length)] = (byte)random.Next();
            if (random.NextBelow(3) == 0) bytes = bytes[..random.NextBelow(bytes.Length)];
            try
            {
                reader.Read(Body(bytes), rows: 2).Release();
                read++;
            }
            catch (UpstreamException error)
            {
                Assert.Equal(UpstreamFailure.Garbage, error.Failure);
            }
        }

        Assert.InRange(read, 1, 19_999);
    }

    private static ModelInferResponse Good() => new()
    {
        ModelName = "m",
        ModelVersion = "7",
        Outputs =
        {
            new ModelInferResponse.Types.InferOutputTensor { Name = "y", Datatype = "INT32", Shape = { 2, 2 } },
            new ModelInferResponse.Types.InferOutputTensor { Name = "s", Datatype = "BYTES", Shape = { 2, 1 } },
        },
        RawOutputContents = { ByteString.CopyFrom(Numbers), ByteString.CopyFrom(Strings) },
    };

    private AnswerBody Body(ModelInferResponse answer) => Body(answer.ToByteArray());

    private AnswerBody Body(byte[] message)
    {
        Assert.True(Pool.TryRent(MessagePrefix.Bytes + message.Length, BlockOwner.OutputSlab, out MemoryBlock? block));
        message.CopyTo(block.Span[MessagePrefix.Bytes..]);
        return new AnswerBody(block, MessagePrefix.Bytes + message.Length, 0);
    }
}

/// <summary>An answer that is damaged; public, as what a theory is given must be.</summary>
public sealed class ModelInferResponseBox
{
    internal ModelInferResponseBox(ModelInferResponse response) => Response = response;

    internal ModelInferResponse Response { get; }

    internal void RemoveLast()
    {
        Response.Outputs.RemoveAt(1);
        Response.RawOutputContents.RemoveAt(1);
    }
}
