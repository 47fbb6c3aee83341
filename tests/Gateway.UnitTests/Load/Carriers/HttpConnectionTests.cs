using System.Text;
using Gateway.Load.Carriers;
using Gateway.Load.Carriers.Http;
using Gateway.Load.Payloads;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.Load.Carriers;

public class HttpConnectionTests
{
    private const string Plain = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    private const string Chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: x\r\n\r\n";
    private const string Refused = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\nRetry-After: 1\r\nRetry-After-Ms: 37\r\nInference-Refusal: queue_full\r\n\r\nno";
    private static readonly RequestTarget Target = new("host:1", "m", "", "/", HasTimeout: true, ["X-Y: z"], "secret");

    [Theory]
    [InlineData(Plain)]
    [InlineData(Chunked)]
    public void Read_AnswerInTwoPieces_IsTheSameWhereverItIsCut(string answer)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(answer);
        for (int cut = 0; cut <= bytes.Length; cut++)
        {
            (HttpConnection connection, OutputBuffer output) = WithCall(7);
            RecordingSink sink = new();

            int taken = connection.Read(bytes.AsSpan(0, cut).ToArray(), output, sink);
            if (cut < bytes.Length) Assert.Equal(0, taken);
            if (taken == 0) Assert.Equal(bytes.Length, connection.Read(bytes, output, sink));

            Assert.Equal((7, CallOutcome.Ok, 200, "hello", "", -1), Assert.Single(sink.Answers));
            Assert.True(connection.HasRoom);
        }
    }

    [Fact]
    public void Read_Refusal_HasReasonAndWhenToComeBack()
    {
        (HttpConnection connection, OutputBuffer output) = WithCall(1);
        RecordingSink sink = new();

        connection.Read(Encoding.ASCII.GetBytes(Refused), output, sink);

        Assert.Equal((1, CallOutcome.Refused, 503, "no", "queue_full", 37), Assert.Single(sink.Answers));
    }

    [Fact]
    public void Read_WordsOnTheWay_AreNotTheAnswer()
    {
        (HttpConnection connection, OutputBuffer output) = WithCall(7);
        RecordingSink sink = new();
        byte[] bytes = Encoding.ASCII.GetBytes($"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n{Plain}");

        int taken = connection.Read(bytes.AsSpan(0, bytes.Length - 1).ToArray(), output, sink);

        Assert.Empty(sink.Answers);
        Assert.Equal(bytes.Length - taken, connection.Read(bytes.AsSpan(taken).ToArray(), output, sink));
        Assert.Equal((7, CallOutcome.Ok, 200, "hello", "", -1), Assert.Single(sink.Answers));
        Assert.False(connection.MustClose);
    }

    [Fact]
    public void TryEnd_BodyThatEndsWithTheConnection_IsTheAnswer()
    {
        (HttpConnection connection, OutputBuffer output) = WithCall(7);
        RecordingSink sink = new();
        byte[] bytes = "HTTP/1.1 200 OK\r\n\r\nhello"u8.ToArray();

        Assert.Equal(0, connection.Read(bytes, output, sink));
        Assert.Empty(sink.Answers);
        Assert.True(connection.TryEnd(bytes, sink));

        Assert.Equal((7, CallOutcome.Ok, 200, "hello", "", -1), Assert.Single(sink.Answers));
        Assert.True(connection.MustClose);
        Assert.False(WithCall(1).Connection.TryEnd("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"u8.ToArray(), sink));
        Assert.False(WithCall(1).Connection.TryEnd([], sink));

        // The null server, whose connections do not end, says how long it is.
        OutputBuffer answered = new();
        new PlainHttpCarrier().CreateResponder(bytes).Answer("GET / HTTP/1.1\r\n\r\n"u8, answered);
        Assert.Equal("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Encoding.ASCII.GetString(answered.Pending));
    }

    [Fact]
    public void Read_ConnectionClose_AsksForANewOne()
    {
        (HttpConnection connection, OutputBuffer output) = WithCall(1);

        connection.Read("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray(), output, new RecordingSink());

        Assert.True(connection.MustClose);
        Assert.False(connection.HasRoom);
    }

    [Fact]
    public void Read_RandomBytes_AreInvalidDataOrIncompleteAndNothingElse()
    {
        Random random = new(6);
        string[] seeds = [Plain, Chunked, Refused];
        for (int i = 0; i < 5000; i++)
        {
            byte[] bytes = Encoding.ASCII.GetBytes(seeds[i % seeds.Length]);
            for (int j = random.Next(4); j >= 0; j--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            (HttpConnection connection, OutputBuffer output) = WithCall(1);
            try
            {
                connection.Read(bytes, output, new RecordingSink());
            }
            catch (InvalidDataException)
            {
                // What a connection is closed for.
            }
        }
    }

    [Fact]
    public void Write_WithTimeout_SaysWhatIsLeftInMilliseconds()
    {
        RequestPayload payload = new([new TensorPayload("x", DataType.Fp32, [1, 2], new byte[8])]);
        EncodedRequest request = new HttpBinaryCarrier().Encode(payload, Target);
        OutputBuffer output = new();
        HttpConnection connection = new();

        connection.Write(1, request, 1_234_567, output);

        string text = Encoding.Latin1.GetString(output.Pending);
        Assert.StartsWith("POST /v2/models/m/infer HTTP/1.1\r\nHost: host:1\r\n", text);
        Assert.Contains("\r\nInference-Timeout-Ms: 00001234.567\r\n", text);
        Assert.Contains("\r\nAuthorization: Bearer secret\r\nX-Y: z\r\n", text);
        Assert.Contains("\"binary_data_size\":8", text);
    }

    [Fact]
    public void Write_HeaderBeyondAscii_LeavesTheTimeoutInItsPlace()
    {
        EncodedRequest request = new PlainHttpCarrier().Encode(new RequestPayload([]), Target with { Headers = ["X-Name: Übergröße"] });
        OutputBuffer output = new();

        new HttpConnection().Write(1, request, 1_234_567, output);

        Assert.Contains("X-Name: Übergröße\r\nInference-Timeout-Ms: 00001234.567\r\n\r\n", Encoding.UTF8.GetString(output.Pending));
    }

    [Fact]
    public void HttpResponder_RequestsInPieces_AnswersEachOnce()
    {
        EncodedRequest request = new HttpJsonCarrier().Encode(new RequestPayload([new TensorPayload("x", DataType.Int64, [1], new byte[8])]), Target);
        byte[] three = [.. request.Bytes, .. request.Bytes, .. request.Bytes];
        for (int cut = 0; cut <= three.Length; cut += 7)
        {
            HttpResponder responder = new("ok"u8.ToArray());
            OutputBuffer output = new();
            int taken = responder.Answer(three.AsSpan(0, cut), output);
            responder.Answer(three.AsSpan(taken), output);
            Assert.Equal("okokok", Encoding.ASCII.GetString(output.Pending));
        }
    }

    private static (HttpConnection Connection, OutputBuffer Output) WithCall(int call)
    {
        HttpConnection connection = new();
        OutputBuffer output = new();
        connection.Open(output);
        connection.Write(call, new EncodedRequest("GET / HTTP/1.1\r\n\r\n"u8.ToArray()), 0, output);
        return (connection, output);
    }
}
