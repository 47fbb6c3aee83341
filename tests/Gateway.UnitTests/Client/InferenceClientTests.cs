using System.Buffers;
using Gateway.Client;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;
using Gateway.Server.Frames;
using Gateway.TestSupport;
using Gateway.UnitTests.OpenInference;

namespace Gateway.UnitTests.Client;

public sealed class InferenceClientTests
{
    private static CancellationToken Ending => TestContext.Current.CancellationToken;

    [Fact]
    public async Task InferAsync_EachElementType_ComesBackAsItself()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        await using InferenceClient client = new($"127.0.0.1:{server.FramesPort}");

        await EchoAsync(client, "FP32", 1.5f, -2f, float.NaN, float.MaxValue);
        await EchoAsync(client, "FP64", 1.5, -2.0, double.Epsilon, 0.0);
        await EchoAsync(client, "FP16", (Half)1, (Half)2, (Half)3, (Half)4);
        await EchoAsync(client, "INT8", (sbyte)-1, (sbyte)2, (sbyte)3, (sbyte)4);
        await EchoAsync(client, "INT16", (short)-1, (short)2, (short)3, (short)4);
        await EchoAsync(client, "INT32", -1, 2, 3, 4);
        await EchoAsync(client, "INT64", -1L, 2L, 3L, 4L);
        await EchoAsync(client, "UINT8", (byte)1, (byte)2, (byte)3, (byte)255);
        await EchoAsync(client, "UINT16", (ushort)1, (ushort)2, (ushort)3, (ushort)4);
        await EchoAsync(client, "UINT32", 1u, 2u, 3u, uint.MaxValue);
        await EchoAsync(client, "UINT64", 1ul, 2ul, 3ul, ulong.MaxValue);
        await EchoAsync(client, "BOOL", true, false, true, true);
    }

    [Fact]
    public async Task InferAsync_RawBfloat16_ComesBack()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        await using InferenceClient client = new($"127.0.0.1:{server.FramesPort}");

        using InferenceResponse response = await client.InferAsync(new InferenceRequest("echo_BF16").AddRawInput("x", DataType.Bf16, new byte[] { 1, 2, 3, 4, 5, 6, 7, 8 }, 1, 4), Ending);

        Assert.Equal([0x0201, 0x0403, 0x0605, 0x0807], response.Output("y").AsSpan<ushort>().ToArray());
    }

    [Fact]
    public async Task InferAsync_Strings_ComeBack()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        await using InferenceClient client = new($"127.0.0.1:{server.FramesPort}");

        using InferenceResponse response = await client.InferAsync(new InferenceRequest("strings").AddInput("s", ["", "grüße"], 1, 2), Ending);

        Assert.Equal(["", "grüße"], response.Output("t").ToStrings());
    }

    [Fact]
    public async Task InferAsync_CopiedInputs_AreThoseOfTheTimeOfTheCopy()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        await using InferenceClient client = new($"127.0.0.1:{server.FramesPort}");
        float[] a = [1, 2];
        InferenceRequest request = new InferenceRequest("two").AddInputCopy<float>("a", a, 1, 2).AddInputCopy<int>("b", [3, 4], 1, 2);
        a[0] = 9;

        using InferenceResponse response = await client.InferAsync(request, Ending);

        Assert.Equal([1f, 2f], response.Output("first").AsSpan<float>().ToArray());
        Assert.Equal([3, 4], response.Output("second").AsSpan<int>().ToArray());
    }

    [Fact]
    public async Task InferAsync_MemoryOfAManager_IsSentFromThere()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        await using InferenceClient client = new($"127.0.0.1:{server.FramesPort}");
        using ForeignMemory memory = new([0, 1, 2, 3, 4, 5]);

        using InferenceResponse response = await client.InferAsync(new InferenceRequest("echo_INT32").AddInput("x", memory.Memory[1..5], 1, 4), Ending);

        Assert.Equal([1, 2, 3, 4], response.Output("y").AsSpan<int>().ToArray());
    }

    [Fact]
    public async Task InferAsync_WantedOutput_IsTheOnlyOne()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        await using InferenceClient client = new($"127.0.0.1:{server.FramesPort}");
        InferenceRequest request = new InferenceRequest("two", "1") { Id = "seven", Priority = 1 };
        request.AddInput("a", new float[] { 1, 2 }, 1, 2).AddInput("b", new[] { 3, 4 }, 1, 2).AddOutput("second");

        using InferenceResponse response = await client.InferAsync(request, Ending);

        Assert.Equal(("two", "1", "seven", 1), (response.ModelName, response.ModelVersion, response.Id, response.OutputCount));
        Assert.Equal(("second", DataType.Int32, new TensorShape([1, 2])), (response[0].Name, response[0].DataType, response[0].Shape));
        Assert.False(response.TryGetOutput("first", out _));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task InferAsync_Explained_SaysItsTimes(bool overFrames)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        await using InferenceClient client = new(overFrames ? $"127.0.0.1:{server.FramesPort}" : server.Client.BaseAddress!.ToString());
        InferenceRequest request = new InferenceRequest("echo_INT32").AddInput("x", new[] { 1, 2, 3, 4 }, 1, 4);

        // The answer that the server knows by heart is not taken for one with its times.
        for (int i = 0; i < 6; i++)
        {
            request.Explain = i % 3 == 2;
            using InferenceResponse response = await client.InferAsync(request, Ending);

            Assert.Equal([1, 2, 3, 4], response.Output("y").AsSpan<int>().ToArray());
            if (request.Explain) Assert.Contains("queue;dur=", response.ServerTiming, StringComparison.Ordinal);
            else Assert.Equal("", response.ServerTiming);
        }
    }

    [Theory]
    [InlineData(70_000)]
    [InlineData(3_000_000)]
    public async Task InferAsync_LargeTensor_ComesBackWhole(int elements)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        await using InferenceClient client = new($"127.0.0.1:{server.FramesPort}");
        float[] sent = new float[elements];
        for (int i = 0; i < sent.Length; i++) sent[i] = i;
        InferenceRequest request = new InferenceRequest("any").AddInput("x", sent, 1, elements);

        Task<InferenceResponse>[] calls = [.. Enumerable.Range(0, 3).Select(_ => client.InferAsync(request, Ending).AsTask())];
        foreach (Task<InferenceResponse> call in calls)
        {
            using InferenceResponse response = await call;
            Assert.True(response.Output("y").AsSpan<float>().SequenceEqual(sent));
        }
    }

    [Fact]
    public async Task InferAsync_LargerThanTheServerTakes_IsRefusedHere()
    {
        await using FrameHost server = await FrameHost.StartAsync(frames: new FramesOptions { MaxFrameBytes = 1000 });
        await using InferenceClient client = new(server.Address);
        InferenceRequest request = new InferenceRequest("number").AddInput("x", new long[200], 200, 1);

        InferenceException error = await Assert.ThrowsAsync<InferenceException>(async () => await client.InferAsync(request, Ending));

        Assert.Equal(StatusCode.InvalidArgument, error.Status);
        Assert.Equal(5, await client.SendAsync(5));
    }

    [Fact]
    public async Task InferAsync_UnknownModel_IsNotFoundAndNotTriedAgain()
    {
        await using FrameHost server = await FrameHost.StartAsync();
        await using InferenceClient client = new(server.Address);

        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => client.SendAsync(1, "nothing"));

        Assert.Equal((StatusCode.NotFound, null), (error.Status, error.RetryAfter));
    }

    [Fact]
    public async Task InferAsync_AccessToken_OpensTheDoor()
    {
        await using FrameHost server = await FrameHost.StartAsync(frames: new FramesOptions { AccessToken = "sesame" });
        await using InferenceClient client = new(new InferenceClientOptions { Endpoints = { server.Address }, AccessToken = "sesame" });
        await using InferenceClient stranger = new(server.Address);

        Assert.Equal(5, await client.SendAsync(5));
        Assert.Equal(StatusCode.Unauthenticated, (await Assert.ThrowsAsync<InferenceException>(() => stranger.SendAsync(5))).Status);
    }

    [Fact]
    public async Task InferAsync_OverAUnixDomainSocket_Works()
    {
        string path = Path.Combine(Path.GetTempPath(), $"gateway-{Guid.NewGuid():N}.sock");
        await using FrameHost server = await FrameHost.StartAsync(socket: path);
        await using InferenceClient client = new($"unix:{path}");

        Assert.Equal(7, await client.SendAsync(7));
    }

    [Theory]
    [InlineData(1, 64)]
    [InlineData(3, 1)]
    public async Task InferAsync_ManyMoreThanTheWindow_EachGetsItsOwn(int connections, int window)
    {
        await using FrameHost server = await FrameHost.StartAsync();
        await using InferenceClient client = new(new InferenceClientOptions { Endpoints = { server.Address }, ConnectionsPerEndpoint = connections, Window = window });

        Task<long>[] calls = [.. Enumerable.Range(0, 1000).Select(number => client.SendAsync(number))];

        Assert.Equal(Enumerable.Range(0, 1000).Select(number => (long)number), await Task.WhenAll(calls));
    }

    [Fact]
    public async Task InferAsync_ManyThreads_EachGetsItsOwn()
    {
        await using FrameHost server = await FrameHost.StartAsync();
        await using InferenceClient client = new(server.Address);

        await Task.WhenAll(Enumerable.Range(0, 8).Select(lane => Task.Run(async () =>
        {
            for (long i = lane; i < 4000; i += 8) Assert.Equal(i, await client.SendAsync(i));
        })));
    }

    [Fact]
    public async Task InferAsync_Cancelled_EndsAtOnceAndTheServerGivesUp()
    {
        await using FrameHost server = await FrameHost.StartAsync();
        await using InferenceClient client = new(server.Address);
        using CancellationTokenSource cancelling = new();
        Task<long> running = client.SendAsync(1, "puppet");
        PuppetRun run = await server.Stage.NextAsync();
        Task<long> queued = client.SendAsync(2, "puppet", cancellation: cancelling.Token);
        await client.PingAsync(Ending);

        await cancelling.CancelAsync();

        OperationCanceledException error = await Assert.ThrowsAsync<OperationCanceledException>(() => queued);
        Assert.Equal(cancelling.Token, error.CancellationToken);
        await client.PingAsync(Ending);
        run.Succeed();
        Assert.Equal(PuppetRun.Answer(1), await running);
        Assert.Equal(0, server.Stage.Waiting);
    }

    [Fact]
    public async Task InferAsync_CancelledBefore_IsNotSent()
    {
        await using InferenceClient client = new("127.0.0.1:1");

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.SendAsync(1, cancellation: new CancellationToken(canceled: true)));
    }

    [Fact]
    public async Task InferAsync_DeadlinePasses_IsATimeout()
    {
        await using FrameHost server = await FrameHost.StartAsync();
        await using InferenceClient client = new(server.Address);
        Task<long> call = client.SendAsync(1, "puppet", TimeSpan.FromMilliseconds(200));
        PuppetRun run = await server.Stage.NextAsync();

        await Assert.ThrowsAsync<TimeoutException>(() => call);

        run.Succeed();
        Assert.Equal(9, await client.SendAsync(9));
    }

    [Fact]
    public async Task InferAsync_QueueFull_IsTriedAgainWhenTheServerSays()
    {
        int calls = 0;
        await using ScriptedServer server = new(async peer =>
        {
            await peer.GreetAsync();
            while (true)
            {
                (_, long call, Dictionary<string, object?> body) = await peer.ReceiveAsync();
                Dictionary<string, object?> refusal = new() { ["code"] = "UNAVAILABLE", ["error"] = "full", ["retry_after_ms"] = 3L };
                await peer.SendAsync(calls++ < 2 ? Frames.FrameSocket.Frame("error", call, refusal) : ScriptedServer.Echo(call, body));
            }
        });
        await using InferenceClient client = new(server.Address);

        Assert.Equal(4, await client.SendAsync(4));
        Assert.Equal(3, calls);
    }

    [Fact]
    public async Task InferAsync_RefusedForLongerThanTheDeadline_SaysWhyAtOnce()
    {
        await using ScriptedServer server = new(async peer =>
        {
            await peer.GreetAsync();
            (_, long call, _) = await peer.ReceiveAsync();
            await peer.SendAsync(Frames.FrameSocket.Frame("error", call, new Dictionary<string, object?> { ["code"] = "UNAVAILABLE", ["error"] = "full", ["retry_after_ms"] = 60_000L }));
            await peer.WaitForEndAsync();
        });
        await using InferenceClient client = new(server.Address);

        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => client.SendAsync(4));

        Assert.Equal((StatusCode.Unavailable, "full", TimeSpan.FromMinutes(1)), (error.Status, error.Message, error.RetryAfter!.Value));
    }

    [Fact]
    public async Task Dispose_CallsInFlight_AreFailed()
    {
        await using FrameHost server = await FrameHost.StartAsync();
        InferenceClient client = new(server.Address);
        Task<long> call = client.SendAsync(1, "puppet");
        PuppetRun run = await server.Stage.NextAsync();

        await client.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => call);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.SendAsync(1));
        run.Succeed();
    }

    [Fact]
    public async Task Metadata_AndReadiness_AreTheServers()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        foreach (string address in new[] { $"127.0.0.1:{server.FramesPort}", $"http://127.0.0.1:{server.Port}" })
        {
            await using InferenceClient client = new(address);

            ModelMetadata model = await client.GetModelMetadataAsync("two", cancellationToken: Ending);
            Assert.Equal(("two", "onnxruntime_onnx", "1"), (model.Name, model.Platform, model.Versions.Single()));
            Assert.Equal(["a FP32 -1,2", "b INT32 -1,2"], model.Inputs.Select(input => $"{input.Name} {input.DataType.WireName()} {string.Join(',', input.Shape)}"));
            Assert.Contains("parameters", (await client.GetServerMetadataAsync(Ending)).Extensions);
            Assert.True(await client.IsServerReadyAsync(Ending));
            Assert.True(await client.IsModelReadyAsync("two", cancellationToken: Ending));
            Assert.False(await client.IsModelReadyAsync("nothing", cancellationToken: Ending));
            Assert.Equal(StatusCode.NotFound, (await Assert.ThrowsAsync<InferenceException>(() => client.GetModelMetadataAsync("nothing", cancellationToken: Ending))).Status);
            await client.PingAsync(Ending);
        }
    }

    [Fact]
    public async Task Response_AfterDispose_CannotBeRead()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        await using InferenceClient client = new($"127.0.0.1:{server.FramesPort}");
        InferenceResponse response = await client.InferAsync(new InferenceRequest("two").AddInput("a", new float[2], 1, 2).AddInput("b", new int[2], 1, 2), Ending);

        Assert.Throws<InvalidOperationException>(() => response[0].AsSpan<int>().Length);
        Assert.Throws<InvalidOperationException>(() => response[0].ToStrings());
        Assert.Throws<KeyNotFoundException>(() => response.Output("third"));
        response.Dispose();
        response.Dispose();

        Assert.Throws<ObjectDisposedException>(() => response[0].Bytes.Length);
    }

    private static async Task EchoAsync<T>(InferenceClient client, string type, params T[] elements)
        where T : unmanaged
    {
        using InferenceResponse response = await client.InferAsync(new InferenceRequest($"echo_{type}").AddInput("x", elements, 1, 4), Ending);

        Assert.Equal(elements, response.Output("y").AsSpan<T>().ToArray());
    }

    private sealed class ForeignMemory(int[] elements) : MemoryManager<int>
    {
        public override Span<int> GetSpan() => elements;

        public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException();

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
