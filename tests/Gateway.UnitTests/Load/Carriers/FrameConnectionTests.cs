using Gateway.Load.Carriers;
using Gateway.Load.Carriers.Frames;
using Gateway.Load.Payloads;
using Gateway.Protocol.Frames;
using Gateway.Protocol.MessagePack;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.Load.Carriers;

public class FrameConnectionTests
{
    private static readonly FrameCarrier Carrier = new();
    private static readonly RequestTarget Target = new("host:1", "echo", "", "/", HasTimeout: true, [], null);
    private static readonly RequestPayload Payload = new([new TensorPayload("x", DataType.Fp32, [1, 2], [0, 0, 0, 63, 0, 0, 128, 191])]);

    // From the protocol's examples: the answer to call 1, here to call 256, and an error.
    private static readonly byte[] Answer = Convert.FromHexString(
        "00000062" + "93a5696e666572cd0100" + "83aa6d6f64656c5f6e616d65a46563686fad6d6f64656c5f76657273696f6ea131a76f757470757473" +
        "9184a46e616d65a179a86461746174797065a446503332a57368617065920102a464617461c4080000003f000080bf");

    [Fact]
    public void Write_SeveralCalls_HaveNumbersAndTimeoutsOfTheirOwn()
    {
        WireConnection connection = Carrier.CreateConnection(Target, 8);
        OutputBuffer output = new();
        connection.Open(output);
        int hello = output.Pending.Length;
        EncodedRequest request = Carrier.Encode(Payload, Target);

        connection.Write(100, request, 5_000_000, output);
        connection.Write(101, request, 1, output);

        ReadOnlySpan<byte> first = output.Pending.Slice(hello, request.Bytes.Length);
        ReadOnlySpan<byte> second = output.Pending[(hello + request.Bytes.Length)..];
        Assert.True(first.IndexOf(Convert.FromHexString("cd0100")) > 0);
        Assert.True(second.IndexOf(Convert.FromHexString("cd0101")) > 0);
        Assert.True(first.IndexOf(Convert.FromHexString("ce004c4b40")) > 0);
        Assert.True(second.IndexOf(Convert.FromHexString("ce00000001")) > 0);
    }

    [Fact]
    public void Read_AnswerCutAnywhere_IsTakenOnce()
    {
        byte[] both = [.. HelloFrame.Write(null, 16), .. Answer];
        for (int cut = 0; cut <= both.Length; cut++)
        {
            (WireConnection connection, OutputBuffer output) = WithCalls(1);
            RecordingSink sink = new();
            int taken = connection.Read(both.AsSpan(0, cut).ToArray(), output, sink);
            taken += connection.Read(both.AsSpan(taken).ToArray(), output, sink);
            Assert.Equal(both.Length, taken);
            Assert.Equal(CallOutcome.Ok, Assert.Single(sink.Answers).Outcome);
            Assert.Equal(0, connection.InFlight);
        }
    }

    [Fact]
    public void Window_WhatTheServersHelloAllows_IsAllThereIs()
    {
        (WireConnection connection, OutputBuffer output) = WithCalls(1, window: 8);
        Assert.Equal(8, connection.Window);

        connection.Read(HelloFrame.Write(null, 3), output, new RecordingSink());

        Assert.Equal(3, connection.Window);
    }

    [Fact]
    public void Decode_Answer_HasItsTensor()
    {
        TensorPayload output = Assert.Single(Carrier.Decode(Answer.AsSpan(4 + 10), 0));

        Assert.Equal("y", output.Name);
        Assert.Equal([1, 2], output.Shape);
        Assert.Equal(Payload.Inputs[0].Data, output.Data);
    }

    [Fact]
    public void HasRoom_WindowFull_IsFalseUntilAnAnswerComes()
    {
        (WireConnection connection, OutputBuffer output) = WithCalls(4, window: 4);

        Assert.False(connection.HasRoom);
        connection.Read(Answer, output, new RecordingSink());
        Assert.True(connection.HasRoom);
    }

    [Fact]
    public void Read_AnswerToAbandonedCall_IsIgnored()
    {
        (WireConnection connection, OutputBuffer output) = WithCalls(1);
        RecordingSink sink = new();

        Assert.True(connection.TryAbandon(0, output));
        Assert.Equal(1, connection.InFlight);
        connection.Read(Answer, output, sink);

        Assert.Empty(sink.Answers);
        Assert.Equal(0, connection.InFlight);
    }

    [Fact]
    public void EndAll_Broken_EndsEveryCall()
    {
        (WireConnection connection, _) = WithCalls(3);
        RecordingSink sink = new();

        connection.EndAll(new CallAnswer { Outcome = CallOutcome.Broken }, sink);

        Assert.Equal([0, 1, 2], sink.Answers.Select(answer => answer.Call).Order());
    }

    [Theory]
    [InlineData("UNAVAILABLE", "queue_full", CallOutcome.Refused, "UNAVAILABLE queue_full")]
    [InlineData("RESOURCE_EXHAUSTED", "tenant_rate", CallOutcome.Refused, "RESOURCE_EXHAUSTED tenant_rate")]
    [InlineData("UNAVAILABLE", null, CallOutcome.Refused, "UNAVAILABLE")]
    [InlineData("INVALID_ARGUMENT", null, CallOutcome.Failed, "INVALID_ARGUMENT")]
    internal void Read_Error_IsARefusalOrAFailureWithItsReason(string code, string? refusal, CallOutcome outcome, string reason)
    {
        byte[] body = new byte[128];
        MessagePackWriter writer = new(body);
        writer.WriteMapHeader(refusal is null ? 2 : 3);
        writer.WriteString("code"u8);
        writer.WriteString(code);
        writer.WriteString("error"u8);
        writer.WriteString("no");
        if (refusal is not null)
        {
            writer.WriteString("refusal"u8);
            writer.WriteString(refusal);
        }

        (WireConnection connection, OutputBuffer output) = WithCalls(1);
        RecordingSink sink = new();
        connection.Read(HelloFrame.Message(new MessageHead(MessageKind.Error, FrameCarrier.FirstCall), body.AsSpan(0, writer.Position)), output, sink);

        Assert.Equal((0, outcome, 0, "no", reason, -1), Assert.Single(sink.Answers));
    }

    [Fact]
    public void Read_RandomFrames_AreInvalidDataAndNothingElse()
    {
        Random random = new(2);
        for (int i = 0; i < 5000; i++)
        {
            byte[] bytes = [.. Answer];
            for (int j = random.Next(5); j >= 0; j--) bytes[random.Next(3, bytes.Length)] = (byte)random.Next(256);
            (WireConnection connection, OutputBuffer output) = WithCalls(2);
            try
            {
                connection.Read(bytes, output, new RecordingSink());
                Carrier.Decode(bytes.AsSpan(14), 0);
            }
            catch (Exception exception) when (exception is InvalidDataException or FormatException)
            {
                // What a connection is closed for, and what a wrong answer is.
            }
        }
    }

    [Fact]
    public void FrameResponder_Calls_AreAnsweredUnderTheirNumbers()
    {
        (WireConnection connection, OutputBuffer output) = WithCalls(2);
        OutputBuffer answers = new();

        Carrier.CreateResponder(Answer).Answer(output.Pending, answers);
        RecordingSink sink = new();
        connection.Read(answers.Pending.ToArray(), output, sink);

        Assert.Equal([0, 1], sink.Answers.Select(answer => answer.Call).Order());
        Assert.All(sink.Answers, answer => Assert.Equal(CallOutcome.Ok, answer.Outcome));
    }

    private static (WireConnection Connection, OutputBuffer Output) WithCalls(int calls, int window = 8)
    {
        WireConnection connection = Carrier.CreateConnection(Target, window);
        OutputBuffer output = new();
        connection.Open(output);
        EncodedRequest request = Carrier.Encode(Payload, Target);
        for (int i = 0; i < calls; i++) connection.Write(i, request, 1, output);
        return (connection, output);
    }
}
