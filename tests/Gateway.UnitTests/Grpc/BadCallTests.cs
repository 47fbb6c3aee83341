using System.Net;
using System.Net.Sockets;
using System.Text;
using Gateway.Server.Grpc.Messages;
using Gateway.Server.Hosting;
using Google.Protobuf;

namespace Gateway.UnitTests.Grpc;

/// <summary>What is no good call: the right status, and everybody else goes on.</summary>
public sealed class BadCallTests : IAsyncLifetime
{
    private const string Infer = GrpcClient.Service + "ModelInfer";

    private GrpcServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await GrpcServer.StartAsync(new ServerOptions { GrpcMaxInputSize = 1_000_000, AccessToken = null });

    public async ValueTask DisposeAsync()
    {
        float[] answer = Requests.Floats((await _server.Client.InferAsync(Requests.Raw("spaced name", [1, 1], 4))).RawOutputContents[0]);
        Assert.Equal(4, Assert.Single(answer));
        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData("", 13, "The call ended before its message was whole")]
    [InlineData("00", 13, "The call ended before its message was whole")]
    [InlineData("0000000005", 13, "The call ended before its message was whole")]
    [InlineData("0000000005 0A", 13, "The call ended before its message was whole")]
    [InlineData("0000000000 0000000000", 13, "The call has more than one message")]
    [InlineData("0000000000", 5, "Request for unknown model: '' is not found")]
    [InlineData("0100000000", 13, "A message is compressed, but grpc-encoding names no compression")]
    [InlineData("0700000000", 13, "The compression flag of a message is 7; it is 0 or 1")]
    [InlineData("00FFFFFFFF", 8, "Received message larger than max (4294967295 vs. 1000000)")]
    [InlineData("0000000003 0A01FF", 3, "failed to parse the request: a string that is not UTF-8 at byte 3")]
    [InlineData("0000000002 0A05", 3, "failed to parse the request: 0 bytes where 5 are announced at byte 2")]
    [InlineData("0000000001 4C", 3, "failed to parse the request: the end of a group that has not begun at byte 1")]
    public async Task Body_Malformed_HasItsStatus(string hex, int status, string text)
    {
        GrpcAnswer answer = await _server.Client.SendAsync(Infer, Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)));

        Assert.Equal((status, text), (answer.Status, answer.Message));
    }

    [Theory]
    [InlineData(GrpcClient.Service + "ModelReady", "0A01FF")]
    [InlineData(GrpcClient.Service + "ModelReady", "1202C328")]
    [InlineData(GrpcClient.Service + "ModelMetadata", "0A01FF")]
    [InlineData(GrpcClient.Service + "ModelConfig", "0A01FF")]
    [InlineData(GrpcClient.Service + "ModelStatistics", "0A01FF")]
    [InlineData(GrpcClient.Service + "RepositoryIndex", "0A01FF")]
    [InlineData(GrpcClient.Service + "RepositoryModelLoad", "1201FF")]
    [InlineData(GrpcClient.Service + "RepositoryModelLoad", "1A0D 0A06636F6E666967 1203 1A01FF")]
    [InlineData(GrpcClient.Service + "RepositoryModelLoad", "1A05 0A01FF 1200")]
    [InlineData(GrpcClient.Service + "RepositoryModelUnload", "1201FF")]
    [InlineData(GrpcClient.Service + "SystemSharedMemoryRegister", "0A01FF")]
    [InlineData(GrpcClient.Service + "SystemSharedMemoryStatus", "0A01FF")]
    [InlineData(GrpcClient.Service + "SystemSharedMemoryUnregister", "0A01FF")]
    [InlineData(GrpcClient.Service + "CudaSharedMemoryRegister", "0A01FF")]
    [InlineData(GrpcClient.Service + "CudaSharedMemoryStatus", "0A01FF")]
    [InlineData(GrpcClient.Service + "CudaSharedMemoryUnregister", "0A01FF")]
    [InlineData(GrpcClient.Service + "TraceSetting", "1201FF")]
    [InlineData(GrpcClient.Service + "TraceSetting", "0A08 0A0161 1203 0A01FF")]
    [InlineData(GrpcClient.Service + "LogSettings", "0A08 0A0161 1203 1A01FF")]
    [InlineData("/grpc.health.v1.Health/Check", "0A01FF")]
    [InlineData("/grpc.health.v1.Health/Watch", "0A01FF")]
    [InlineData("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "0A01FF")]
    public async Task Body_StringThatIsNotUtf8_IsRefused(string path, string hex)
    {
        GrpcAnswer answer = await _server.Client.SendAsync(path, GrpcClient.Frame(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal))));

        Assert.True(answer.Status == 3 && answer.Message.StartsWith("failed to parse the request: a string that is not UTF-8", StringComparison.Ordinal), $"{answer.Status} {answer.Message}");
    }

    [Theory]
    [InlineData(GrpcClient.Service + "ServerLive")]
    [InlineData(GrpcClient.Service + "RepositoryIndex")]
    [InlineData("/grpc.health.v1.Health/Check")]
    public async Task Body_SeveralMessages_IsInternal(string path)
    {
        GrpcAnswer answer = await _server.Client.SendAsync(path, [.. GrpcClient.Frame([]), .. GrpcClient.Frame([])]);

        Assert.Equal((13, "The call has more than one message"), (answer.Status, answer.Message));
    }

    [Theory]
    [InlineData(256, 64, 0, "")]
    [InlineData(257, 0, 3, "the request has more than 256 parameters")]
    [InlineData(0, 65, 3, "the request has more than 64 parameters of one tensor")]
    public async Task Infer_ManyParameters_AreTakenUpToABound(int ofRequest, int ofTensor, int status, string text)
    {
        ModelInferRequest request = Requests.Raw("rank", [1, 3], 1, 2, 3);
        for (int i = 0; i < ofRequest; i++) request.Parameters[$"p{i:D3}"] = new InferParameter { Int64Param = i };
        for (int i = 0; i < ofTensor; i++) request.Inputs[0].Parameters[$"p{i:D3}"] = new InferParameter { Int64Param = i };

        GrpcAnswer answer = await _server.Client.CallAsync("ModelInfer", request);

        Assert.Equal((status, text), (answer.Status, answer.Message));
    }

    [Theory]
    [InlineData("/inference.GRPCInferenceService/Nothing", "unknown method Nothing for service inference.GRPCInferenceService")]
    [InlineData("/inference.Nothing/ModelInfer", "unknown service of /inference.Nothing/ModelInfer")]
    [InlineData("/", "unknown service of /")]
    [InlineData("/v2/health/live", "unknown service of /v2/health/live")]
    public async Task Path_Unknown_IsUnimplemented(string path, string text)
    {
        GrpcAnswer answer = await _server.Client.SendAsync(path, GrpcClient.Frame([]));

        Assert.Equal((12, text), (answer.Status, answer.Message));
        Assert.Equal("application/grpc", answer.Metadata["content-type"]);
    }

    [Theory]
    [InlineData("application/json", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("application/grpc-web", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("application/grpc+json", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("application/grpc+proto", HttpStatusCode.OK)]
    [InlineData("application/grpc; charset=utf-8", HttpStatusCode.OK)]
    public async Task ContentType_Each_IsTakenOrNot(string type, HttpStatusCode status) =>
        Assert.Equal(status, (await _server.Client.SendAsync(GrpcClient.Service + "ServerLive", GrpcClient.Frame([]), ("content-type", type))).Http);

    [Fact]
    public async Task Method_NotPost_IsNotAllowed()
    {
        GrpcAnswer answer = await _server.Client.SendAsync(Infer, GrpcClient.Frame([]), (":method", "PUT"));

        Assert.Equal((HttpStatusCode.MethodNotAllowed, "POST"), (answer.Http, answer.Metadata["allow"]));
    }

    [Fact]
    public async Task Encoding_Unknown_NamesWhatIsTaken()
    {
        GrpcAnswer answer = await _server.Client.SendAsync(Infer, GrpcClient.Frame([]), ("grpc-encoding", "snappy"));

        Assert.Equal((12, "Compression 'snappy' is not supported; supported are identity,deflate,gzip"), (answer.Status, answer.Message));
        Assert.Equal("identity,deflate,gzip", answer.Metadata["grpc-accept-encoding"]);
    }

    [Theory]
    [InlineData("soon")]
    [InlineData("1")]
    [InlineData("123456789S")]
    public async Task Timeout_Malformed_IsRefused(string timeout)
    {
        GrpcAnswer answer = await _server.Client.SendAsync(Infer, GrpcClient.Frame([]), ("grpc-timeout", timeout));

        Assert.Equal((13, $"malformed grpc-timeout: '{timeout}'"), (answer.Status, answer.Message));
    }

    [Fact]
    public async Task Bomb_OfZeros_IsStopped()
    {
        byte[] bomb = GrpcClient.Compress("gzip", Requests.Raw("any", [1, 2_000_000], new float[2_000_000]).ToByteArray());

        GrpcAnswer answer = await _server.Client.SendAsync(Infer, GrpcClient.Frame(bomb, 1), ("grpc-encoding", "gzip"));

        Assert.Equal(8, answer.Status);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    public async Task Compression_CutShortOrGoingOn_IsInternal(string coding)
    {
        byte[] packed = GrpcClient.Compress(coding, Requests.Raw("rank", [1, 3], 1, 2, 3).ToByteArray());
        Assert.Equal(0, (await _server.Client.SendAsync(Infer, GrpcClient.Frame(packed, 1), ("grpc-encoding", coding))).Status);

        for (int length = 1; length < packed.Length; length++)
        {
            GrpcAnswer answer = await _server.Client.SendAsync(Infer, GrpcClient.Frame(packed[..length], 1), ("grpc-encoding", coding));
            Assert.True(answer.Status == 13 && answer.Message.StartsWith("Failed to decompress the message: ", StringComparison.Ordinal), $"{length} of {packed.Length} bytes: {answer.Status} {answer.Message}");
        }

        Assert.Equal((13, "Failed to decompress the message: the compressed data are cut short, or go on after their end"), await EndAsync([.. packed, 0]));

        async Task<(int, string)> EndAsync(byte[] message)
        {
            GrpcAnswer answer = await _server.Client.SendAsync(Infer, GrpcClient.Frame(message, 1), ("grpc-encoding", coding));
            return (answer.Status, answer.Message);
        }
    }

    [Fact]
    public async Task Compression_Damaged_IsInternal()
    {
        GrpcAnswer answer = await _server.Client.SendAsync(Infer, GrpcClient.Frame([1, 2, 3, 4], 1), ("grpc-encoding", "gzip"));

        Assert.Equal(13, answer.Status);
        Assert.StartsWith("Failed to decompress the message", answer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Http1_ToTheGrpcPort_IsToldSo()
    {
        using TcpClient tcp = new("127.0.0.1", _server.Port);
        NetworkStream stream = tcp.GetStream();
        await stream.WriteAsync("GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"u8.ToArray(), TestContext.Current.CancellationToken);

        using StreamReader reader = new(stream, Encoding.ASCII);
        string answer = await reader.ReadToEndAsync(TestContext.Current.CancellationToken);

        Assert.StartsWith("HTTP/1.1 400", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("00000005000A0531")]
    [InlineData("0000000001FF")]
    public async Task Stream_MalformedMessage_EndsTheStream(string hex)
    {
        byte[] good = GrpcClient.Frame(Requests.Raw("spaced name", [1, 1], 4).ToByteArray());

        GrpcAnswer answer = await _server.Client.SendAsync(GrpcClient.Service + "ModelStreamInfer", [.. good, .. Convert.FromHexString(hex)]);

        Assert.Single(answer.Messages);
        Assert.Contains(answer.Status, (int[])[3, 13]);
    }

    [Fact]
    public async Task Headers_Flood_IsRefusedAndTheServerGoesOn()
    {
        (string, string)[] flood = [.. Enumerable.Range(0, 500).Select(each => ($"x-{each}", new string('x', 200)))];
        using GrpcClient other = new(new Uri($"http://127.0.0.1:{_server.Port}"));

        await Assert.ThrowsAnyAsync<HttpRequestException>(() => other.SendAsync(Infer, GrpcClient.Frame([]), flood));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Infer_DamagedRequests_AreTheClientsMistakes(int seed)
    {
        Random random = new(seed);
        ModelInferRequest request = Requests.Raw("rank", [1, 3], 1, 2, 3);
        request.Parameters["custom"] = new InferParameter { StringParam = "x" };
        byte[] good = request.ToByteArray();
        int answered = 0;
        for (int i = 0; i < 2000; i++)
        {
            byte[] bytes = [.. good];
            for (int damages = random.Next(3); damages > 0; damages--) bytes = RandomMessages.Damage(random, bytes);
            byte[] frame = GrpcClient.Frame(bytes);
            if (random.Next(10) == 0) frame = RandomMessages.Damage(random, frame);

            GrpcAnswer answer = await _server.Client.SendAsync(Infer, frame);

            Assert.True(answer.Status is 0 or 3 or 5 or 8 or 12 || (answer.Status == 13 && answer.Message != "internal error"), $"request {i} of seed {seed}: {answer.Status} {answer.Message}");
            if (answer.Status == 0) answered++;
        }

        Assert.True(answered > 100);
    }
}
