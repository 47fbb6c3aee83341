using System.Buffers.Binary;
using System.Text;
using Gateway.Load.Carriers;
using Gateway.Load.Carriers.Grpc;
using Gateway.Load.Carriers.Null;
using Gateway.Load.Payloads;
using Gateway.Protocol.Http2;
using Gateway.Protocol.Tensors;
using static Gateway.UnitTests.Load.Carriers.ServerFrames;

namespace Gateway.UnitTests.Load.Carriers;

public class GrpcConnectionTests
{
    private const int PrefaceBytes = 24;

    private static readonly GrpcCarrier Carrier = new();
    private static readonly RequestTarget Target = new("host:1", "echo", "", "/", HasTimeout: true, ["X-Y: z"], "secret");
    private static readonly RequestPayload Payload = new([new TensorPayload("x", DataType.Fp32, [1, 2], [0, 0, 0, 63, 0, 0, 128, 191])]);

    private readonly OutputBuffer _output = new();
    private readonly RecordingSink _sink = new();

    [Fact]
    public void Write_Calls_SayTheSameInFewerBytesAfterTheFirst()
    {
        WireConnection connection = Open();
        EncodedRequest request = Carrier.Encode(Payload, Target);

        connection.Write(0, request, 5_000_000, _output);
        connection.Write(1, request, 1, _output);

        List<(FrameHeader Header, byte[] Payload)> frames = Sent();
        Assert.Equal([1, 1, 3, 3], frames.Select(frame => frame.Header.Stream));
        HpackDecoder server = new();
        string first = Fields(server, frames[0].Payload);
        Assert.Equal(":method: POST, :scheme: http, :path: /inference.GRPCInferenceService/ModelInfer, :authority: host:1, te: trailers, content-type: application/grpc, user-agent: gateway-load, authorization: Bearer secret, x-y: z, grpc-timeout: 05000000u, ", first);
        Assert.Equal(first.Replace("05000000u", "00000001u", StringComparison.Ordinal), Fields(server, frames[2].Payload));
        Assert.True(frames[2].Payload.Length < 40);
        Assert.Equal(request.Bytes, frames[1].Payload);
        Assert.True(frames[1].Header.Has(FrameHeader.EndStream));
    }

    [Fact]
    public void Write_ServerWithoutATable_IsWrittenOutInFull()
    {
        WireConnection connection = Open(Settings((1, 0)));
        EncodedRequest request = Carrier.Encode(Payload, Target);

        connection.Write(0, request, 1, _output);
        connection.Write(1, request, 1, _output);

        List<(FrameHeader Header, byte[] Payload)> frames = Sent();
        Assert.Equal(0x20, frames[0].Payload[0]);
        Assert.Contains("x-y: z", Fields(new HpackDecoder(), frames[0].Payload));
        Assert.Contains("x-y: z", Fields(new HpackDecoder(), frames[2].Payload));
    }

    [Fact]
    public void Write_BodyBeyondTheWindows_WaitsForThem()
    {
        WireConnection connection = Open(Settings((4, 10)));
        byte[] body = Carrier.Encode(Payload, Target).Bytes;

        Call(connection, 0);
        Assert.Equal(body[..10], Bodies());
        Take(connection, Number(FrameType.WindowUpdate, 1, 7));
        Assert.Equal(body[10..17], Bodies());
        Take(connection, Settings((4, 12)));
        Assert.Equal(body[17..19], Bodies());
        Take(connection, Number(FrameType.WindowUpdate, 1, 1000));
        Assert.Equal(body[19..], Bodies());
    }

    [Fact]
    public void HasRoom_ConnectionWindowUsedUp_IsFalseUntilItIsGivenBack()
    {
        WireConnection connection = Open(Settings((4, 1 << 20)));
        RequestPayload large = new([new TensorPayload("x", DataType.UInt8, [70_000], new byte[70_000])]);
        connection.Write(0, Carrier.Encode(large, Target), 1, _output);

        Assert.Equal(65_535, Bodies().Length);
        Assert.False(connection.HasRoom);
        Take(connection, Number(FrameType.WindowUpdate, 0, 100_000));
        Assert.True(connection.HasRoom);
        Assert.True(Bodies().Length > 4_000);
    }

    [Fact]
    public void HasRoom_AsManyAsTheServerAllows_IsFalse()
    {
        WireConnection connection = Open(Settings((3, 2)));
        Assert.Equal((true, 2), (connection.HasRoom, connection.Window));

        Call(connection, 0);
        Call(connection, 1);

        Assert.False(connection.HasRoom);
        Take(connection, Answer(1, "y"));
        Assert.True(connection.HasRoom);
    }

    [Fact]
    public void Read_SessionCutAnywhere_IsTakenOnce()
    {
        byte[] session = [.. Settings((3, 100)), .. Head(1), .. Message(1, "hello"), .. ServerFrames.Fields(1, ends: true, ("grpc-status", "0"), ("grpc-message", ""))];
        for (int cut = 0; cut <= session.Length; cut++)
        {
            RecordingSink sink = new();
            WireConnection connection = Carrier.CreateConnection(Target, 8);
            OutputBuffer output = new();
            connection.Open(output);
            connection.Write(7, Carrier.Encode(Payload, Target), 1, output);
            int taken = connection.Read(session.AsSpan(0, cut).ToArray(), output, sink);
            taken += connection.Read(session.AsSpan(taken).ToArray(), output, sink);
            Assert.Equal(session.Length, taken);
            Assert.Equal((7, CallOutcome.Ok, 0, "hello", "", -1), Assert.Single(sink.Answers));
            Assert.Equal(0, connection.InFlight);
        }
    }

    [Fact]
    public void Read_AnswersInPiecesOfEachOther_AreKeptApart()
    {
        WireConnection connection = Open();
        Call(connection, 0);
        Call(connection, 1);
        byte[] message = Message(1, "hello world")[FrameHeader.Bytes..];

        Take(connection, [
            .. Head(3), .. Head(1), .. Frame(FrameType.Data, 0, 1, message[..3]), .. Message(3, "other"), .. Frame(FrameType.Data, FrameHeader.Padded, 1, [2, .. message[3..8], 0, 0]),
            .. Frame(FrameType.Data, 0, 1, message[8..]), .. ServerFrames.Fields(1, ends: true, ("grpc-status", "0")), .. ServerFrames.Fields(3, ends: true, ("grpc-status", "0"))]);

        Assert.Equal([(0, "hello world"), (1, "other")], _sink.Answers.Select(answer => (answer.Call, answer.Body)));
    }

    [Fact]
    public void Read_HeadersInPieces_AreOneBlock()
    {
        WireConnection connection = Open();
        Call(connection, 0);
        byte[] trailers = ServerFrames.Fields(1, ends: true, ("grpc-status", "5"), ("grpc-message", "no%20such%25"))[FrameHeader.Bytes..];

        Take(connection, [.. Head(1), .. Frame(FrameType.Headers, FrameHeader.EndStream, 1, trailers[..4]), .. Frame(FrameType.Continuation, 0, 1, trailers[4..9]), .. Frame(FrameType.Continuation, FrameHeader.EndHeaders, 1, trailers[9..])]);

        Assert.Equal((0, CallOutcome.Failed, 0, "no such%", "NOT_FOUND", -1), Assert.Single(_sink.Answers));
    }

    [Theory]
    [InlineData("14", "queue_full", "37", CallOutcome.Refused, "UNAVAILABLE queue_full", 37)]
    [InlineData("14", null, null, CallOutcome.Refused, "UNAVAILABLE", -1)]
    [InlineData("8", "rate", "-1", CallOutcome.Refused, "RESOURCE_EXHAUSTED rate", CallAnswer.NeverAgain)]
    [InlineData("4", null, null, CallOutcome.Failed, "DEADLINE_EXCEEDED", -1)]
    [InlineData("99", null, null, CallOutcome.Failed, "UNKNOWN", -1)]
    [InlineData("many", null, null, CallOutcome.Failed, "UNKNOWN", -1)]
    internal void Read_Status_IsWhatItMeans(string status, string? refusal, string? pushback, CallOutcome outcome, string reason, long retryAfter)
    {
        WireConnection connection = Open();
        Call(connection, 0);
        List<(string, string)> fields = [(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", status), ("grpc-message", "why")];
        if (refusal is not null) fields.Add(("inference-refusal", refusal));
        if (pushback is not null) fields.Add(("grpc-retry-pushback-ms", pushback));

        Take(connection, ServerFrames.Fields(1, ends: true, [.. fields]));

        Assert.Equal((0, outcome, 0, "why", reason, retryAfter), Assert.Single(_sink.Answers));
    }

    [Fact]
    public void Read_OtherAnswers_AreFailures()
    {
        WireConnection connection = Open();
        for (int i = 0; i < 6; i++) Call(connection, i);

        Take(connection, [
            .. Head(1), .. Frame(FrameType.Data, FrameHeader.EndStream, 1, []),
            .. Head(3, "503", ends: true),
            .. Head(5, "404"), .. Frame(FrameType.Data, FrameHeader.EndStream, 5, "<html>"u8.ToArray()),
            .. Head(7), .. ServerFrames.Fields(7, ends: true, ("grpc-status", "0")),
            .. Head(9), .. Frame(FrameType.Data, 0, 9, [1, 0, 0, 0, 0]), .. ServerFrames.Fields(9, ends: true, ("grpc-status", "0")),
            .. Number(FrameType.ResetStream, 11, ErrorCodes.RefusedStream)]);

        Assert.Equal(
            [(CallOutcome.Failed, 0, "no status"), (CallOutcome.Refused, 503, ""), (CallOutcome.Failed, 404, ""), (CallOutcome.Failed, 0, "no message"), (CallOutcome.Failed, 0, "no message"), (CallOutcome.Refused, 0, "REFUSED_STREAM")],
            _sink.Answers.Select(answer => (answer.Outcome, answer.Status, answer.Reason)));
        Assert.Equal(0, connection.InFlight);
    }

    [Fact]
    public void Read_Goodbye_RefusesWhatWasNotTakenAndWaitsForTheRest()
    {
        WireConnection connection = Open();
        Call(connection, 0);
        Call(connection, 1);

        Take(connection, Number(FrameType.GoAway, 0, 1, ErrorCodes.NoError));

        Assert.Equal((1, CallOutcome.Refused, 0, "the server takes no more calls on this connection", "GOAWAY", -1), Assert.Single(_sink.Answers));
        Assert.True(connection.MustClose);
        Assert.False(connection.HasRoom);
        Take(connection, Answer(1, "late"));
        Assert.Equal((0, CallOutcome.Ok), (_sink.Answers[1].Call, _sink.Answers[1].Outcome));
    }

    [Fact]
    public void Read_GoodbyeWithAnError_SaysIt()
    {
        WireConnection connection = Open();
        byte[] goodbye = Frame(FrameType.GoAway, 0, 0, [0, 0, 0, 0, 0, 0, 0, 11, .. "too_many_pings"u8]);

        Assert.Contains("ENHANCE_YOUR_CALM too_many_pings", Assert.Throws<InvalidDataException>(() => Take(connection, goodbye)).Message);
    }

    [Fact]
    public void Read_PingAndSettings_AreAcknowledged()
    {
        WireConnection connection = Open();

        Take(connection, [.. Frame(FrameType.Ping, 0, 0, "12345678"u8.ToArray()), .. Settings()]);

        List<(FrameHeader Header, byte[] Payload)> frames = Sent();
        Assert.Equal([(FrameType.Ping, FrameHeader.Ack), (FrameType.Settings, FrameHeader.Ack)], frames.Select(frame => (frame.Header.Type, frame.Header.Flags)));
        Assert.Equal("12345678"u8, frames[0].Payload);
    }

    [Fact]
    public void Read_PingsWithoutEnd_AreTooMany()
    {
        WireConnection connection = Open();
        byte[] ping = Frame(FrameType.Ping, 0, 0, new byte[8]);

        Assert.Throws<InvalidDataException>(() =>
        {
            for (int i = 0; i < 100_000; i++) Take(connection, ping);
        });
    }

    [Fact]
    public void TryAbandon_Call_ResetsItAndIgnoresWhatComes()
    {
        WireConnection connection = Open();
        Call(connection, 0);
        Call(connection, 1);
        Sent();

        Assert.True(connection.TryAbandon(0, _output));
        Assert.False(connection.TryAbandon(0, _output));

        (FrameHeader header, byte[] code) = Assert.Single(Sent());
        Assert.Equal((FrameType.ResetStream, 1, 8), (header.Type, header.Stream, code[3]));
        Take(connection, [.. Answer(1, "late"), .. Answer(3, "right")]);
        Assert.Equal((1, "right"), Assert.Single(_sink.Answers.Select(answer => (answer.Call, answer.Body))));
    }

    [Theory]
    [InlineData("HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak HTTP/2")]
    [InlineData("\0\0\u0004\u0008\0\0\0\0\0\0\0\0\u0001", "does not speak HTTP/2")]
    public void Read_NoHttp2_SaysSo(string bytes, string problem)
    {
        WireConnection connection = Carrier.CreateConnection(Target, 8);
        connection.Open(_output);

        Assert.Contains(problem, Assert.Throws<InvalidDataException>(() => connection.Read(Encoding.Latin1.GetBytes(bytes), _output, _sink)).Message);
    }

    [Fact]
    public void Read_DamagedSessions_AreInvalidDataAndNothingElse()
    {
        Random random = new(5);
        byte[] session =
        [
            .. Settings((3, 100), (4, 1000)), .. Answer(1, "hello"), .. Number(FrameType.WindowUpdate, 0, 100), .. Number(FrameType.WindowUpdate, 3, 100), .. Head(3), .. Message(3, "there"),
            .. ServerFrames.Fields(3, ends: true, ("grpc-status", "14"), ("grpc-message", "a%20b"), ("grpc-retry-pushback-ms", "5")), .. Frame(FrameType.Ping, 0, 0, new byte[8]),
            .. Number(FrameType.ResetStream, 5, 7), .. Number(FrameType.GoAway, 0, 5, 0),
        ];
        int broken = 0;
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = [.. session];
            for (int j = random.Next(4); j >= 0; j--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            OutputBuffer output = new();
            RecordingSink sink = new();
            WireConnection connection = Carrier.CreateConnection(Target, 4);
            connection.Open(output);
            for (int call = 0; call < 4; call++) connection.Write(call, Carrier.Encode(Payload, Target), 1, output);
            try
            {
                int taken = 0;
                for (int at = 0; at < bytes.Length; at = Math.Min(bytes.Length, at + random.Next(1, 60))) taken += connection.Read(bytes.AsSpan(taken, Math.Max(0, at - taken)).ToArray(), output, sink);
                connection.Read(bytes.AsSpan(taken).ToArray(), output, sink);
            }
            catch (InvalidDataException)
            {
                broken++;
            }

            // Whatever came: no call is answered twice, and none is forgotten.
            connection.EndAll(new CallAnswer { Outcome = CallOutcome.Broken }, sink);
            Assert.Equal([0, 1, 2, 3], sink.Answers.Select(answer => answer.Call).Order());
        }

        Assert.InRange(broken, 1000, 19_000);
    }

    [Fact]
    public void GrpcResponder_ManyCalls_AreAnsweredUnderTheirNumbers()
    {
        WireConnection connection = Carrier.CreateConnection(Target, 4);
        connection.Open(_output);
        byte[] answer = new byte[40_000];
        BinaryPrimitives.WriteInt32BigEndian(answer.AsSpan(1), answer.Length - 5);
        NullResponder responder = Carrier.CreateResponder(answer);
        OutputBuffer answers = new();
        for (int call = 0; call < 1000; call++)
        {
            if (call > 0) connection.Write(call, Carrier.Encode(Payload, Target), 1, _output);
            _output.Sent(responder.Answer(_output.Pending, answers));
            answers.Sent(connection.Read(answers.Pending.ToArray(), _output, _sink));
        }

        Assert.Equal(Enumerable.Range(1, 999), _sink.Answers.Select(each => each.Call));
        Assert.All(_sink.Answers, each => Assert.Equal(CallOutcome.Ok, each.Outcome));
    }

    /// <summary>A connection whose server has said what it allows.</summary>
    private WireConnection Open(byte[]? settings = null)
    {
        WireConnection connection = Carrier.CreateConnection(Target, 8);
        connection.Open(_output);
        Assert.False(connection.HasRoom);
        _output.Sent(PrefaceBytes);
        Take(connection, settings ?? Settings());
        Sent();
        return connection;
    }

    private void Call(WireConnection connection, int call) => connection.Write(call, Carrier.Encode(Payload, Target), 1, _output);

    private void Take(WireConnection connection, byte[] bytes) => Assert.Equal(bytes.Length, connection.Read(bytes, _output, _sink));

    private List<(FrameHeader Header, byte[] Payload)> Sent()
    {
        List<(FrameHeader, byte[])> frames = Parse(_output.Pending);
        _output.Clear();
        return frames;
    }

    private byte[] Bodies() => [.. Sent().Where(frame => frame.Header.Type == FrameType.Data).SelectMany(frame => frame.Payload)];

    private static string Fields(HpackDecoder decoder, byte[] block)
    {
        StringBuilder text = new();
        int at = 0;
        while (decoder.TryRead(block, ref at, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)) text.Append(Encoding.ASCII.GetString(name)).Append(": ").Append(Encoding.ASCII.GetString(value)).Append(", ");
        return text.ToString();
    }
}
