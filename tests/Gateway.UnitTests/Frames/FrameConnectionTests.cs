using System.Runtime.InteropServices;
using Gateway.Core.Diagnostics;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;
using Gateway.Server.Frames;
using Gateway.UnitTests.OpenInference;
using static Gateway.UnitTests.Messages.Maps;
using Map = System.Collections.Generic.Dictionary<string, object?>;

namespace Gateway.UnitTests.Frames;

/// <summary>The frame carrier over real sockets. Every server asserts at its end that no block is lent.</summary>
public sealed class FrameConnectionTests
{
    [Fact]
    public async Task Hello_AgreesVersionLimitsAndWindow()
    {
        await using InferenceServer server = await InferenceServer.StartAsync(frames: new FramesOptions { MaxFrameBytes = 1000, Window = 9, ServerName = "s", ServerVersion = "1.2" });
        using FrameSocket connection = await FrameSocket.ConnectAsync(server);

        await connection.SendAsync("hello", 0, new Map { ["version"] = 3L, ["window"] = 4L, ["client"] = "me", ["unknown"] = new object?[] { 1L } });
        (string kind, long call, Map body) = await connection.ReceiveAsync();

        Assert.Equal(("hello", 0), (kind, call));
        Assert.Equal(new Map { ["version"] = 1L, ["server"] = "s", ["server_version"] = "1.2", ["window"] = 4L, ["max_frame_bytes"] = 1000L }, body);
    }

    [Fact]
    public async Task Infer_EveryType_ComesBackBitForBit()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using FrameSocket connection = await FrameSocket.GreetAsync(server);
        Random random = new(5);
        foreach (DataType type in SampleModels.FixedTypes)
        {
            byte[] data = new byte[3 * 4 * type.Size()];
            random.NextBytes(data);
            await connection.InferAsync((long)type, $"echo_{type.WireName()}", Request("x", type.WireName(), [3, 4], data));

            (string kind, long call, Map body) = await connection.ReceiveAsync();

            Assert.Equal(("infer", (long)type, $"echo_{type.WireName()}", "1"), (kind, call, body["model_name"], body["model_version"]));
            Map output = Output(body);
            Assert.Equal(("y", type.WireName()), (output["name"], output["datatype"]));
            Assert.Equal([3L, 4L], (object?[])output["shape"]!);
            Assert.Equal(data, output["data"]);
        }

        byte[] strings = [2, 0, 0, 0, 0xC3, 0xA9, 0, 0, 0, 0];
        await connection.InferAsync(99, "strings", Request("s", "BYTES", [1, 2], strings));
        Assert.Equal(strings, Output((await connection.ReceiveAsync()).Body)["data"]);
    }

    [Fact]
    public async Task Infer_OutputsIdAndVersion_AsAskedFor()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using FrameSocket connection = await FrameSocket.GreetAsync(server);
        Map request = new()
        {
            ["inputs"] = new object?[] { Tensor("b", "INT32", [1, 2], SampleModels.Bytes(1, 2)), Tensor("a", "FP32", [1, 2], SampleModels.Bytes(3f, 4f)) },
            ["outputs"] = new object?[] { new Map { ["name"] = "second", ["unknown"] = null }, new Map { ["name"] = "first" } },
            ["id"] = "é",
            ["model_version"] = "1",
            ["parameters"] = new Map { ["timeout"] = 60_000_000L, ["priority"] = 1L, ["mine"] = true },
            ["unknown"] = new Map { ["a"] = null },
        };

        await connection.InferAsync(7, "two", request);
        (string kind, _, Map body) = await connection.ReceiveAsync();

        Assert.Equal(("infer", "é"), (kind, body["id"]));
        Assert.Equal(("second", "first"), (Output(body)["name"], Output(body, 1)["name"]));
        Assert.Equal(SampleModels.Bytes(1, 2), Output(body)["data"]);
        Assert.Equal(SampleModels.Bytes(3f, 4f), Output(body, 1)["data"]);
    }

    [Fact]
    public async Task MetadataReadyAndPing_Answer()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using FrameSocket connection = await FrameSocket.GreetAsync(server);

        await connection.SendAsync("metadata", 1, new Map { ["model_name"] = "two" });
        Map model = (await connection.ReceiveAsync()).Body;
        Assert.Equal(("two", "onnxruntime_onnx"), (model["name"], model["platform"]));
        Assert.Equal(["1"], (object?[])model["versions"]!);
        Assert.Equal([-1L, 2L], (object?[])((Map)((object?[])model["inputs"]!)[1]!)["shape"]!);
        await connection.SendAsync("metadata", 2, null);
        Assert.Equal("gateway", (await connection.ReceiveAsync()).Body["name"]);
        await connection.SendAsync("metadata", 3, new Map { ["model_name"] = "nobody" });
        await connection.AssertErrorAsync(3, "NOT_FOUND", "Request for unknown model: 'nobody' is not found");
        foreach ((Map? asked, bool isReady) in new (Map?, bool)[] { (null, true), ([], true), (new Map { ["model_name"] = "two" }, true), (new Map { ["model_name"] = "nobody" }, false), (new Map { ["model_name"] = "two", ["model_version"] = "2" }, false) })
        {
            await connection.SendAsync("ready", 4, asked);
            Assert.Equal(isReady, (await connection.ReceiveAsync()).Body["ready"]);
        }

        await connection.SendAsync("ping", uint.MaxValue, null);
        (string kind, long call, _) = await connection.ReceiveAsync();
        Assert.Equal(("ping", (long)uint.MaxValue), (kind, call));
    }

    [Fact]
    public async Task Mistakes_AreAnsweredWithTheirCall_AndTheConnectionGoesOn()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using FrameSocket connection = await FrameSocket.GreetAsync(server);
        Map good = Request(1, 2, 3, 4);
        Map input = (Map)((object?[])good["inputs"]!)[0]!;
        (Map Request, string Error)[] mistakes =
        [
            (Without(good, "inputs"), "[request id: <id_unknown>] expected 1 inputs but got 0 inputs for model 'echo_FP32'. Got input(s) [], but missing required input(s) ['x']. Please provide all required input(s)."),
            (With(good, "inputs", new object?[] { input, input }), "[request id: <id_unknown>] input 'x' already exists in request"),
            (With(good, "inputs", new object?[] { With(input, "name", "z") }), "[request id: <id_unknown>] unexpected inference input 'z' for model 'echo_FP32'"),
            (With(good, "inputs", new object?[] { Without(input, "name") }), "input 0 has no 'name'"),
            (With(good, "inputs", new object?[] { Without(input, "datatype") }), "input 0 has no 'datatype'"),
            (With(good, "inputs", new object?[] { Without(input, "shape") }), "input 0 has no 'shape'"),
            (With(good, "inputs", new object?[] { Without(input, "data") }), "input 0 has no 'data'"),
            (With(good, "inputs", new object?[] { With(input, "datatype", "FP31") }), "'datatype' of input 0 is 'FP31', which is none"),
            (With(good, "inputs", new object?[] { With(input, "datatype", "INT32") }), "[request id: <id_unknown>] inference input 'x' data-type is 'INT32', but model 'echo_FP32' expects 'FP32'"),
            (With(good, "inputs", new object?[] { With(input, "shape", new object?[] { 1L, -4L }) }), "'shape' of input 0 has a dimension of -4"),
            (With(good, "inputs", new object?[] { With(input, "shape", Enumerable.Repeat<object?>(1L, 9).ToArray()) }), "'shape' of input 0 has more than 8 dimensions"),
            (With(good, "inputs", new object?[] { With(input, "shape", new object?[] { 2L, 4L }) }), "[request id: <id_unknown>] input byte size mismatch for input 'x' for model 'echo_FP32'. Expected 32, got 16"),
            (With(good, "outputs", new object?[] { new Map { ["name"] = "z" } }), "[request id: <id_unknown>] unexpected inference output 'z' for model 'echo_FP32'"),
            (With(good, "outputs", new object?[] { new Map { ["name"] = "y" }, new Map { ["name"] = "y" } }), "[request id: <id_unknown>] output 'y' already exists in request"),
            (With(good, "outputs", new object?[] { new Map() }), "output 0 has no 'name'"),
            (With(good, "model_version", "x"), "'model_version' is 'x', not a number above 0"),
            (With(good, "model_version", "0"), "'model_version' is '0', not a number above 0"),
            (With(good, "parameters", new Map { ["sequence_id"] = 1L }), "sequences are not served: parameter 'sequence_id' is not supported"),
        ];
        for (int i = 0; i < mistakes.Length; i++)
        {
            await connection.InferAsync(i, "echo_FP32", mistakes[i].Request);
            await connection.AssertErrorAsync(i, "INVALID_ARGUMENT", mistakes[i].Error);
        }

        await connection.InferAsync(49, "echo_FP32", good);
        Assert.Equal("infer", (await connection.ReceiveAsync()).Kind);
        for (int i = 0; i < 2; i++)
        {
            await connection.SendAsync("infer", 50, good);
            await connection.AssertErrorAsync(50, "INVALID_ARGUMENT", "the request has no 'model_name'");
        }

        await connection.InferAsync(51, "nobody", good);
        await connection.AssertErrorAsync(51, "NOT_FOUND", "Request for unknown model: 'nobody' is not found");
        await connection.InferAsync(52, "fails", Request("x", "FP32", [1, 1], new byte[4]));
        await connection.AssertErrorAsync(52, "INTERNAL", "the model says no");
        await connection.SendAsync("frobnicate", 53, null);
        await connection.AssertErrorAsync(53, "UNIMPLEMENTED", "this server has no such kind of message");
        await connection.InferAsync(54, "echo_FP32", good);
        Assert.Equal(("infer", 54L), ((await connection.ReceiveAsync()) is var (kind, call, _) ? (kind, call) : default));
    }

    [Fact]
    public async Task Malformed_WellFramed_IsAnsweredAndTheConnectionGoesOn()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using FrameSocket connection = await FrameSocket.GreetAsync(server);
        byte[] message = Write(new object?[] { "infer", 3L, With(Request(1, 2, 3, 4), "model_name", "echo_FP32") });
        for (int length = 0; length < message.Length; length++)
        {
            await connection.SendAsync(FrameSocket.Frame(message[..length]));
            (string kind, long call, Map body) = await connection.ReceiveAsync();
            Assert.Equal(("error", "INVALID_ARGUMENT"), (kind, body["code"]));
            Assert.Equal(length > 7 ? 3 : 0, call);
        }

        foreach (byte[] odd in new byte[][] { [.. message, 0], [0x93, 0xa1, (byte)'x', 0xff, 0xc0], [0x92, 1, 2], [0xc1], [0x94, 1, 2, 3, 4] })
        {
            await connection.SendAsync(FrameSocket.Frame(odd));
            Assert.Equal("error", (await connection.ReceiveAsync()).Kind);
        }

        await connection.SendAsync(FrameSocket.Frame(message));
        Assert.Equal("infer", (await connection.ReceiveAsync()).Kind);
    }

    [Theory]
    [InlineData("infer")]
    [InlineData("ping")]
    public async Task NoHello_IsRefusedAndClosed(string kind)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using FrameSocket connection = await FrameSocket.ConnectAsync(server);

        await connection.SendAsync(kind, 1, null);

        await connection.AssertErrorAsync(0, "INVALID_ARGUMENT", "the first message must be a hello");
        await connection.AssertEndAsync();
    }

    [Fact]
    public async Task Hello_WithoutWhatItNeeds_IsRefusedAndClosed()
    {
        await using InferenceServer server = await InferenceServer.StartAsync(frames: new FramesOptions { AccessToken = "t" });
        foreach ((object? hello, string code, string error) in new (object?, string, string)[]
        {
            (new Map(), "INVALID_ARGUMENT", "the hello has no 'version'"),
            (new Map { ["version"] = 0L }, "UNIMPLEMENTED", "version 0 of the protocol is not spoken here; 1 is"),
            (new Map { ["version"] = 1L }, "UNAUTHENTICATED", "this server asks for an access token"),
            (new Map { ["version"] = 1L, ["token"] = "u" }, "UNAUTHENTICATED", "the access token is wrong"),
        })
        {
            using FrameSocket connection = await FrameSocket.ConnectAsync(server);
            await connection.SendAsync("hello", 0, hello);
            await connection.AssertErrorAsync(0, code, error);
            await connection.AssertEndAsync();
        }

        using FrameSocket right = await FrameSocket.ConnectAsync(server);
        await right.SendAsync("hello", 0, new Map { ["version"] = 1L, ["token"] = "t" });
        Assert.Equal("hello", (await right.ReceiveAsync()).Kind);
    }

    [Fact]
    public async Task TooLongFrame_IsRefusedAndClosed()
    {
        await using InferenceServer server = await InferenceServer.StartAsync(frames: new FramesOptions { MaxFrameBytes = 1000 });
        using FrameSocket connection = await FrameSocket.GreetAsync(server);

        await connection.SendAsync(new byte[] { 0, 0, 3, 0xE9 });

        await connection.AssertErrorAsync(0, "INVALID_ARGUMENT", "a frame of 1001 bytes exceeds the maximum of 1000 bytes");
        await connection.AssertEndAsync();
    }

    [Fact]
    public async Task Infer_SplitAnywhere_IsReadTheSame()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using FrameSocket connection = await FrameSocket.GreetAsync(server);
        byte[] frame = FrameSocket.Infer(300, "echo_FP32", Request(1, 2, 3, 4));
        for (int split = 1; split < frame.Length; split++)
        {
            await connection.SendAsync(frame.AsMemory(0, split));
            await Task.Yield();
            await connection.SendAsync(frame.AsMemory(split));
            Assert.Equal(SampleModels.Bytes(1f, 2f, 3f, 4f), Output((await connection.ReceiveAsync()).Body)["data"]);
        }

        foreach (byte one in frame) await connection.SendAsync(new[] { one });
        await connection.SendAsync((byte[])[.. frame, .. frame]);
        for (int i = 0; i < 3; i++) Assert.Equal("infer", (await connection.ReceiveAsync()).Kind);
    }

    [Theory]
    [InlineData(3_000)]
    [InlineData(5_000)]
    [InlineData(200_000)]
    public async Task Infer_LargerThanTheBuffers_IsGathered(int elements)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using FrameSocket connection = await FrameSocket.GreetAsync(server);
        float[] values = [.. Enumerable.Range(0, elements).Select(i => (float)i)];
        byte[] data = MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
        for (int i = 0; i < 5; i++)
        {
            await connection.InferAsync(i, "any", Request("x", "FP32", [1, elements], data));
            Assert.Equal(data, Output((await connection.ReceiveAsync()).Body)["data"]);
        }
    }

    [Fact]
    public async Task Infer_ManyMoreThanTheWindow_AllAreAnsweredOnce()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using FrameSocket connection = await FrameSocket.GreetAsync(server, window: 5);
        const int Calls = 2000;
        Task sending = SendAsync();

        HashSet<long> answered = [];
        for (int i = 0; i < Calls; i++)
        {
            (string kind, long call, Map body) = await connection.ReceiveAsync();
            Assert.Equal("infer", kind);
            Assert.Equal((float)call, BitConverter.ToSingle((byte[])Output(body)["data"]!));
            Assert.True(answered.Add(call));
        }

        await sending;
        async Task SendAsync()
        {
            for (int i = 0; i < Calls; i++) await connection.InferAsync(i, "echo_FP32", Request(i, 2, 3, 4));
        }
    }

    [Fact]
    public async Task Window_Full_TheServerReadsNoFurther()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using ManualResetEventSlim release = new();
        ServedModel slow = AddSlow(server, release);
        using FrameSocket connection = await FrameSocket.GreetAsync(server, window: 3);
        for (int i = 0; i < 5; i++) await connection.InferAsync(i, "slow", One());
        await Eventually.TrueAsync(() => Accepted(slow) == 3, "three calls are accepted");

        // Were it read, it would be answered at once, as another model's; what proves that it is not is what is accepted in the end, one by one.
        await connection.SendAsync("ping", 77, null);
        release.Set();

        List<long> calls = [];
        for (int i = 0; i < 6; i++) calls.Add((await connection.ReceiveAsync()).Call);
        Assert.Equal([0, 1, 2], calls[..3].Order());
        Assert.Contains(77, calls[3..]);
    }

    [Fact]
    public async Task Calls_OfDifferentModels_AreAnsweredOutOfOrder()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using ManualResetEventSlim release = new();
        AddSlow(server, release);
        using FrameSocket connection = await FrameSocket.GreetAsync(server);

        await connection.InferAsync(1, "slow", One());
        await connection.InferAsync(2, "echo_FP32", Request(1, 2, 3, 4));

        Assert.Equal(2, (await connection.ReceiveAsync()).Call);
        release.Set();
        Assert.Equal(1, (await connection.ReceiveAsync()).Call);
    }

    [Fact]
    public async Task Cancel_WaitingCall_IsAnsweredCancelled()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using ManualResetEventSlim release = new();
        ServedModel slow = AddSlow(server, release);
        using FrameSocket connection = await FrameSocket.GreetAsync(server);
        await connection.InferAsync(1, "slow", One());
        await Eventually.TrueAsync(() => Accepted(slow) == 1 && slow.Batcher.PendingRequests == 0, "the first call runs");
        await connection.InferAsync(2, "slow", One());

        await connection.SendAsync("cancel", 2, null);
        (string kind, long call, Map body) = await connection.ReceiveAsync();
        await connection.SendAsync("cancel", 99, null);
        release.Set();

        Assert.Equal(("error", 2, "CANCELLED"), (kind, call, body["code"]));
        Assert.Equal(("infer", 1L), ((await connection.ReceiveAsync()) is var (other, number, _) ? (other, number) : default));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Disconnect_WithCallsInFlight_GivesThemUpAndLeaksNothing(bool isReset)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using ManualResetEventSlim release = new();
        ServedModel slow = AddSlow(server, release);
        FrameSocket connection = await FrameSocket.GreetAsync(server);
        for (int i = 0; i < 20; i++) await connection.InferAsync(i, "slow", One());
        await connection.SendAsync(FrameSocket.Infer(21, "slow", One()).AsMemory(0, 30));
        await Eventually.TrueAsync(() => Accepted(slow) == 20, "all calls are accepted");
        await Eventually.TrueAsync(() => slow.Batcher.PendingRequests == 19, "and one of them runs");

        if (isReset) connection.Abort();
        else connection.Dispose();

        // All but the one that runs.
        await Eventually.TrueAsync(() => slow.Batcher.Statistics.Snapshot().Outcomes[(int)RequestOutcome.Cancelled] == 19, "what waits is cancelled");
        release.Set();
        await Eventually.TrueAsync(() => IsConserved(slow), "every call has its outcome");
    }

    [Fact]
    public async Task Disconnect_AtEveryByteOfAFrame_LeaksNothing()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        byte[] frame = FrameSocket.Infer(1, "echo_FP32", Request(1, 2, 3, 4));
        for (int length = 0; length <= frame.Length; length++)
        {
            FrameSocket connection = await FrameSocket.GreetAsync(server);
            await connection.SendAsync(frame.AsMemory(0, length));
            if (length % 2 == 0) connection.Abort();
            else connection.Dispose();
        }

        using FrameSocket last = await FrameSocket.GreetAsync(server);
        await last.SendAsync(frame);
        Assert.Equal("infer", (await last.ReceiveAsync()).Kind);
    }

    [Fact]
    public async Task SlowReader_HoldsUpItselfAndNobodyElse()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        const int Elements = 100_000;
        byte[] call = FrameSocket.Infer(1, "any", Request("x", "FP32", [1, Elements], new byte[Elements * sizeof(float)]));
        FrameSocket lazy = await FrameSocket.GreetAsync(server);

        // Until neither socket nor server takes any more.
        for (int idle = 0, offset = 0; idle < 200;)
        {
            int sent = lazy.TrySend(call.AsSpan(offset));
            offset = (offset + sent) % call.Length;
            idle = sent > 0 ? 0 : idle + 1;
            if (sent == 0) await Task.Yield();
        }

        using FrameSocket busy = await FrameSocket.GreetAsync(server);
        for (int i = 0; i < 50; i++)
        {
            await busy.SendAsync(call);
            Assert.Equal("infer", (await busy.ReceiveAsync()).Kind);
        }

        Assert.True(server.Pool.RentedBytes < 256L << 20, $"{server.Pool.RentedBytes} bytes are lent");
        lazy.Abort();
    }

    [Fact]
    public async Task SlowReader_WhatWaitsForItCountsInItsBound()
    {
        await using InferenceServer server = await InferenceServer.StartAsync(frames: new FramesOptions { MaxFrameBytes = 4 << 20 });
        ServedModel wide = server.Add("wide", 1, [SampleModels.Spec("x", DataType.Fp32, [1])], [SampleModels.Spec("y", DataType.Fp32, [250_000])], (_, _, _) => { });
        FrameSocket lazy = await FrameSocket.GreetAsync(server);
        const int Calls = 200;
        int answered = 0;
        for (bool goesOn = true; goesOn && answered < Calls; answered++)
        {
            await lazy.InferAsync(answered, "wide", One());
            for (int i = 0; i < 100 && wide.Batcher.Statistics.Snapshot().Outcomes.Sum() <= answered; i++) await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, TestContext.Current.CancellationToken);
            goesOn = wide.Batcher.Statistics.Snapshot().Outcomes.Sum() > answered;
        }

        // The bound, what the sockets take, and what is written before it is known that they take no more.
        Assert.True(answered < 40, $"{answered} answers of a megabyte were made");

        // What was not read is, once there is room.
        for (int i = 0; i < answered; i++) Assert.Equal(("infer", i), (await lazy.ReceiveAsync()) is var (kind, call, _) ? (kind, call) : default);
        lazy.Dispose();
    }

    [Fact]
    public async Task NoMemory_IsAnsweredWithItsCall_AndTheConnectionGoesOn()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        const int Elements = 30_000;
        byte[] call = FrameSocket.Infer(7, "any", Request("x", "FP32", [1, Elements], new byte[Elements * sizeof(float)]));
        using FrameSocket connection = await FrameSocket.GreetAsync(server);
        List<MemoryBlock> all = [];
        for (long bytes = 256L << 20; bytes >= BlockPool.SmallestBlock; bytes /= 2)
        {
            while (server.Pool.TryRent(bytes, BlockOwner.Body, out MemoryBlock? block)) all.Add(block);
        }

        for (int i = 1; i <= 3; i++)
        {
            await connection.SendAsync(call.AsMemory(0, 10 * i));
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, TestContext.Current.CancellationToken);
            await connection.SendAsync(call.AsMemory(10 * i));
            await connection.AssertErrorAsync(7, "UNAVAILABLE", "there is no memory left for the request: the memory pool is at its ceiling");
        }

        foreach (MemoryBlock block in all) block.Release();
        await connection.SendAsync(call);
        Assert.Equal("infer", (await connection.ReceiveAsync()).Kind);
    }

    [Fact]
    public async Task Stop_AnswersWhatWasReadAndSaysGoodbye()
    {
        InferenceServer server = await InferenceServer.StartAsync();
        using ManualResetEventSlim release = new();
        ServedModel slow = AddSlow(server, release);
        using FrameSocket connection = await FrameSocket.GreetAsync(server);
        for (int i = 1; i <= 3; i++) await connection.InferAsync(i, "slow", One());
        await Eventually.TrueAsync(() => Accepted(slow) == 3, "three calls are accepted");

        Task stopped = server.DisposeAsync().AsTask();
        (string kind, long call, Map body) = await connection.ReceiveAsync();
        release.Set();
        List<long> answered = [];
        for (int i = 0; i < 3; i++)
        {
            (string answerKind, long answer, _) = await connection.ReceiveAsync();
            Assert.Equal("infer", answerKind);
            answered.Add(answer);
        }

        Assert.Equal(("goodbye", 0, "Server exiting"), (kind, call, body["error"]));
        Assert.Equal([1, 2, 3], answered.Order());
        await connection.AssertEndAsync();
        await stopped;
    }

    [Fact]
    public async Task Fuzz_RandomAndDamagedFrames_NobodyElseIsHurt()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        Random random = new(20261125);
        byte[] good = FrameSocket.Infer(1, "echo_FP32", Request(1, 2, 3, 4));
        for (int i = 0; i < 1500; i++)
        {
            FrameSocket connection = i % 5 == 0 ? await FrameSocket.ConnectAsync(server) : await FrameSocket.GreetAsync(server);
            try
            {
                for (int frames = random.Next(1, 5); frames > 0; frames--) await connection.SendAsync(Damaged(random, good));
            }
            catch (System.Net.Sockets.SocketException)
            {
                // It has been closed for what came before.
            }

            if (random.Next(2) == 0) connection.Abort();
            else connection.Dispose();
            if (i % 100 != 0) continue;
            using FrameSocket other = await FrameSocket.GreetAsync(server);
            await other.SendAsync(good);
            Assert.Equal("infer", (await other.ReceiveAsync()).Kind);
        }
    }

    private static byte[] Damaged(Random random, byte[] good)
    {
        byte[] bytes = random.Next(4) == 0 ? new byte[random.Next(1, 200)] : [.. good];
        if (bytes.Length != good.Length) random.NextBytes(bytes);
        for (int flips = random.Next(0, 4); flips > 0; flips--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
        return random.Next(3) == 0 ? bytes[..random.Next(bytes.Length)] : bytes;
    }

    private static Map One() => Request("x", "FP32", [1, 1], new byte[4]);

    /// <summary>Serves a model, one row a batch, whose runs wait.</summary>
    private static ServedModel AddSlow(InferenceServer server, ManualResetEventSlim release) =>
        server.Add("slow", 1, [SampleModels.Spec("x", DataType.Fp32, [1])], [SampleModels.Spec("y", DataType.Fp32, [1])], (_, _, _) => release.Wait(TestContext.Current.CancellationToken));

    private static long Accepted(ServedModel model) => model.Batcher.Statistics.Snapshot().Accepted;

    private static bool IsConserved(ServedModel model)
    {
        ModelCounts counts = model.Batcher.Statistics.Snapshot();
        return counts.Accepted == counts.Outcomes.Sum();
    }
}
