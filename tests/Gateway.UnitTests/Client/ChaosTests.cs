using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Gateway.Client;
using Gateway.Protocol;
using Gateway.UnitTests.Frames;
using Gateway.UnitTests.OpenInference;
using Map = System.Collections.Generic.Dictionary<string, object?>;

namespace Gateway.UnitTests.Client;

/// <summary>Servers and networks that misbehave: every call ends with its own answer or a clear exception, within its deadline.</summary>
public sealed class ChaosTests
{
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(300);

    // Far more than a timer and a busy machine are late.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    [Fact]
    public async Task NobodyListens_IsAConnectionExceptionThatSaysNothingRan()
    {
        await using InferenceClient client = Client("127.0.0.1:1", options => options.ReconnectDelay = TimeSpan.FromMilliseconds(1));

        InferenceConnectionException error = await Assert.ThrowsAsync<InferenceConnectionException>(() => client.SendAsync(1));

        Assert.False(error.MayHaveRun);
    }

    [Fact]
    public async Task NobodyListensForLonger_EndsAtTheDeadline()
    {
        await using InferenceClient client = Client("127.0.0.1:1", options => options.MaxAttempts = 100);

        await AssertEndsAsync(client.SendAsync(1, timeout: Short));
    }

    [Fact]
    public async Task ServerThatNeverAnswersTheHello_EndsAtTheDeadline()
    {
        await using ScriptedServer server = new(peer => peer.WaitForEndAsync());
        await using InferenceClient client = Client(server.Address);

        await Assert.ThrowsAsync<TimeoutException>(() => InPatience(client.SendAsync(1, timeout: Short)));
    }

    [Fact]
    public async Task ServerThatNeverAnswersTheHello_ConnectTimeoutPasses_IsAConnectionException()
    {
        await using ScriptedServer server = new(peer => peer.WaitForEndAsync());
        await using InferenceClient client = Client(server.Address, options =>
        {
            options.ConnectTimeout = TimeSpan.FromMilliseconds(50);
            options.MaxAttempts = 2;
        });

        Assert.False((await Assert.ThrowsAsync<InferenceConnectionException>(() => client.SendAsync(1))).MayHaveRun);
    }

    [Fact]
    public async Task ServerThatReadsNothing_CallsEndAtTheirDeadlines()
    {
        await using ScriptedServer server = new(async peer =>
        {
            await peer.GreetAsync(window: 256);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, peer.Ending);
        });
        await using InferenceClient client = Client(server.Address);
        long[] large = new long[100_000];

        Task[] calls = [.. Enumerable.Range(0, 50).Select(async _ =>
        {
            InferenceRequest request = new InferenceRequest("number") { Timeout = Short }.AddInput("x", large, large.Length, 1);
            await Assert.ThrowsAsync<TimeoutException>(async () => await client.InferAsync(request, TestContext.Current.CancellationToken));
        })];

        await Task.WhenAll(calls).WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task ServerThatFallsSilent_IsGivenUpByPings()
    {
        await using ScriptedServer server = new(async peer =>
        {
            await peer.GreetAsync();
            if (peer.Number > 0) await AnswerAsync(peer);
            else await peer.WaitForEndAsync();
        });
        await using InferenceClient client = Client(server.Address, options =>
        {
            options.KeepAliveInterval = TimeSpan.FromMilliseconds(50);
            options.KeepAliveTimeout = TimeSpan.FromMilliseconds(50);
        });

        InferenceConnectionException error = await Assert.ThrowsAsync<InferenceConnectionException>(() => client.SendAsync(1));

        Assert.True(error.MayHaveRun);
        Assert.Equal(2, await client.SendAsync(2));
    }

    [Fact]
    public async Task ConnectionBreaks_SentCallMayHaveRun_IsTriedAgainOnlyIfAllowed()
    {
        await using ScriptedServer server = new(async peer =>
        {
            await peer.GreetAsync();
            if (peer.Number % 2 == 1)
            {
                await AnswerAsync(peer);
                return;
            }

            await peer.ReceiveAsync();
            peer.Reset();
        });
        await using InferenceClient careful = Client(server.Address);
        Assert.True((await Assert.ThrowsAsync<InferenceConnectionException>(() => careful.SendAsync(1))).MayHaveRun);
        Assert.Equal(2, await careful.SendAsync(2));
        await careful.DisposeAsync();

        await using ScriptedServer another = new(async peer =>
        {
            await peer.GreetAsync();
            if (peer.Number == 0) await peer.ReceiveAsync();
            else await AnswerAsync(peer);
        });
        await using InferenceClient bold = Client(another.Address, options => options.RetryUnanswered = true);
        Assert.Equal(3, await bold.SendAsync(3));
    }

    [Fact]
    public async Task Goodbye_UnansweredCalls_GoElsewhere()
    {
        await using ScriptedServer server = new(async peer =>
        {
            await peer.GreetAsync();
            if (peer.Number > 0)
            {
                await AnswerAsync(peer);
                return;
            }

            (_, long first, Map request) = await peer.ReceiveAsync();
            await peer.ReceiveAsync();
            await peer.SendAsync(FrameSocket.Frame("goodbye", 0, new Map { ["error"] = "Server exiting" }));
            await peer.SendAsync(ScriptedServer.Echo(first, request));
        });
        await using InferenceClient client = Client(server.Address, options => options.ReconnectDelay = options.MaxReconnectDelay = TimeSpan.FromMilliseconds(1));

        Task<long> one = client.SendAsync(1);
        Task<long> two = client.SendAsync(2);

        long[] answers = await Task.WhenAll(one, two).WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.Equal([1, 2], answers);
    }

    [Fact]
    public async Task Goodbye_UnansweredCall_IsMadeAgainOnTheNextConnection()
    {
        await using ScriptedServer server = new(async peer =>
        {
            await peer.GreetAsync();
            if (peer.Number > 0)
            {
                await AnswerAsync(peer);
                return;
            }

            (_, long first, Map request) = await peer.ReceiveAsync();
            await peer.ReceiveAsync();
            await peer.SendAsync(FrameSocket.Frame("goodbye", 0, new Map { ["error"] = "Server exiting" }));
            await peer.SendAsync(ScriptedServer.Echo(first, request));
        });
        await using InferenceClient client = Client(server.Address);

        Task<long> one = client.SendAsync(1);
        Task<long> two = client.SendAsync(2);

        Assert.Equal((1, 2), (await one, await two));
    }

    [Fact]
    public async Task AnswerCutAtEveryByte_IsAConnectionException()
    {
        byte[]? answer = null;
        await using ScriptedServer server = new(async peer =>
        {
            await peer.GreetAsync();
            (_, long call, Map request) = await peer.ReceiveAsync();
            answer = ScriptedServer.Echo(call, request);
            await peer.SendAsync(answer.AsMemory(0, Math.Min(peer.Number, answer.Length)));
        });
        await using InferenceClient client = Client(server.Address, options => options.ReconnectDelay = options.MaxReconnectDelay = TimeSpan.FromMilliseconds(1));

        int cut = 0;
        for (; answer is null || cut < answer.Length; cut++)
        {
            InferenceConnectionException error = await Assert.ThrowsAsync<InferenceConnectionException>(() => client.SendAsync(cut));
            Assert.True(error.MayHaveRun);
        }

        Assert.Equal(cut, await client.SendAsync(cut));
    }

    [Fact]
    public async Task HelloCutAtEveryByte_IsTriedAgain()
    {
        byte[] hello = ScriptedServer.Hello();
        await using ScriptedServer server = new(async peer =>
        {
            await peer.ReceiveAsync();
            await peer.SendAsync(hello.AsMemory(0, Math.Min(peer.Number, hello.Length)));
            if (peer.Number < hello.Length) return;
            await AnswerAsync(peer);
        });
        await using InferenceClient client = Client(server.Address, options =>
        {
            options.ReconnectDelay = options.MaxReconnectDelay = options.RetryDelay = TimeSpan.FromMicroseconds(1);
            options.MaxAttempts = 100;
        });

        Assert.Equal(5, await client.SendAsync(5));
    }

    [Theory]
    [InlineData(1L)]
    [InlineData(0xffff_ffffL)]
    [InlineData(0x0002_0000L)]
    public async Task AnswerToACallThatIsNone_EndsTheConnection(long added)
    {
        await using ScriptedServer server = new(async peer =>
        {
            await peer.GreetAsync();
            while (true)
            {
                (_, long call, Map request) = await peer.ReceiveAsync();
                await peer.SendAsync(ScriptedServer.Echo(peer.Number == 0 ? (call + added) & uint.MaxValue : call, request));
            }
        });
        await using InferenceClient client = Client(server.Address);

        Assert.Contains("not in flight", (await Assert.ThrowsAsync<InferenceConnectionException>(() => client.SendAsync(1))).Message, StringComparison.Ordinal);
        Assert.Equal(2, await client.SendAsync(2));
    }

    [Fact]
    public async Task AnswerTwice_IsNobodyElses()
    {
        await using ScriptedServer server = new(async peer =>
        {
            await peer.GreetAsync(window: 2);
            while (true)
            {
                (_, long call, Map request) = await peer.ReceiveAsync();
                byte[] answer = ScriptedServer.Echo(call, request);
                await peer.SendAsync(answer);
                await peer.SendAsync(answer);
            }
        });
        await using InferenceClient client = Client(server.Address, options => options.RetryUnanswered = true);

        for (int i = 0; i < 30; i++) await EndAsync(client.SendAsync(i), i);
    }

    [Fact]
    public async Task AnswersSwapped_AreFoundByTheirId()
    {
        await using ScriptedServer server = new(async peer =>
        {
            await peer.GreetAsync();
            (_, long first, Map one) = await peer.ReceiveAsync();
            (_, long second, Map two) = await peer.ReceiveAsync();
            await peer.SendAsync(ScriptedServer.Echo(first, two));
            await peer.SendAsync(ScriptedServer.Echo(second, one));
            await peer.WaitForEndAsync();
        });
        await using InferenceClient client = Client(server.Address);

        Task<long>[] calls = [client.SendAsync(1, id: "1"), client.SendAsync(2, id: "2")];

        foreach (Task<long> call in calls) Assert.Contains("id", (await Assert.ThrowsAsync<InferenceException>(() => call)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnswerOfAnotherKind_OrMalformed_IsAClearException()
    {
        byte[][] bodies = [Maps("infer", null), Maps("infer", new Map()), Maps("infer", new Map { ["outputs"] = 1L }), Maps("ping", null), Maps("error", null), Maps("error", new Map { ["code"] = 1L })];
        await using ScriptedServer server = new(async peer =>
        {
            await peer.GreetAsync();
            (_, long call, _) = await peer.ReceiveAsync();
            byte[] message = bodies[peer.Number % bodies.Length];
            object?[] parts = (object?[])Messages.Maps.Read(message[4..])!;
            await peer.SendAsync(FrameSocket.Frame((string)parts[0]!, call, parts[2]));
        });
        await using InferenceClient client = Client(server.Address, options => options.ReconnectDelay = TimeSpan.FromMicroseconds(1));

        for (int i = 0; i < 3 * bodies.Length; i++) Assert.NotNull(await EndAsync(client.SendAsync(i), i));

        static byte[] Maps(string kind, Map? body) => FrameSocket.Frame(kind, 1, body);
    }

    [Fact]
    public async Task ErrorOfNoCall_EndsTheConnection()
    {
        await using ScriptedServer server = new(async peer =>
        {
            await peer.GreetAsync();
            await peer.ReceiveAsync();
            await peer.SendAsync(FrameSocket.Frame("error", 0, new Map { ["code"] = "INVALID_ARGUMENT", ["error"] = "cannot be read" }));
            await peer.WaitForEndAsync();
        });
        await using InferenceClient client = Client(server.Address);

        Assert.Contains("cannot be read", (await Assert.ThrowsAsync<InferenceConnectionException>(() => client.SendAsync(1))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LateAnswer_OfAnAbandonedCall_IsDropped()
    {
        TaskCompletionSource answerNow = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using ScriptedServer server = new(async peer =>
        {
            await peer.GreetAsync(window: 2);
            (_, long late, Map request) = await peer.ReceiveAsync();
            Assert.Equal(("cancel", late), ((await peer.ReceiveAsync()) is var (kind, call, _)) ? (kind, call) : default);
            await answerNow.Task;
            await peer.SendAsync(ScriptedServer.Echo(late, request));
            await AnswerAsync(peer);
        });
        await using InferenceClient client = Client(server.Address);
        await Assert.ThrowsAsync<TimeoutException>(() => client.SendAsync(1, timeout: Short));

        // The only place of the window is the abandoned call's, until its answer comes.
        Task<long> next = client.SendAsync(2);
        answerNow.SetResult();

        Assert.Equal(2, await next);
        Assert.Equal(3, await client.SendAsync(3));
    }

    [Fact]
    public async Task ServerStopsAndStarts_UnderLoad_CallsEndWithTheirOwnAnswers()
    {
        FrameHost server = await FrameHost.StartAsync();
        await using InferenceClient client = Client(server.Address, options =>
        {
            options.ReconnectDelay = TimeSpan.FromMilliseconds(5);
            options.MaxReconnectDelay = TimeSpan.FromMilliseconds(20);
            options.MaxAttempts = 50;
        });
        using CancellationTokenSource enough = new();
        ConcurrentBag<Exception> failures = [];
        long answered = 0;
        Task[] lanes = [.. Enumerable.Range(0, 16).Select(lane => Task.Run(async () =>
        {
            for (long i = lane; !enough.IsCancellationRequested; i += 16)
            {
                if (await EndAsync(client.SendAsync(i), i) is { } failure) failures.Add(failure);
                else Interlocked.Increment(ref answered);
            }
        }))];

        for (int round = 0; round < 3; round++)
        {
            long before = Interlocked.Read(ref answered);
            await Eventually.TrueAsync(() => Interlocked.Read(ref answered) > before + 200, "calls are answered");
            int port = server.Port;
            await server.DisposeAsync();
            server = await FrameHost.StartAsync(port);
        }

        await Eventually.TrueAsync(() => server.Rows > 200, "calls are answered after the last start");
        await enough.CancelAsync();
        await Task.WhenAll(lanes);
        await server.DisposeAsync();

        // A server that says goodbye answers what it has read, so nothing is lost.
        Assert.True(failures.IsEmpty, $"{failures.Count} failed: {failures.FirstOrDefault()}");
    }

    [Fact]
    public async Task AnswerWithADamagedLength_ConnectionIsGivenUp_ThoughMoreBytesCome()
    {
        await using ScriptedServer server = new(async peer =>
        {
            await peer.GreetAsync();
            if (peer.Number == 0)
            {
                (_, long call, Map request) = await peer.ReceiveAsync();
                byte[] answer = ScriptedServer.Echo(call, request);
                answer[1] ^= 0x10;
                await peer.SendAsync(answer);
            }

            await AnswerAsync(peer);
        });
        await using InferenceClient client = Client(server.Address, options => options.KeepAliveInterval = TimeSpan.FromMilliseconds(50));

        InferenceConnectionException error = await Assert.ThrowsAsync<InferenceConnectionException>(() => client.SendAsync(1));

        Assert.True(error.MayHaveRun);
        Assert.Contains("does not get on", error.Message, StringComparison.Ordinal);
        Assert.Equal(2, await client.SendAsync(2));
    }

    [Fact]
    public async Task LargeAnswer_TakesManyIntervals_IsWaitedForWhileItGetsOn()
    {
        TimeSpan interval = TimeSpan.FromMilliseconds(50);
        await using ScriptedServer server = new(async peer =>
        {
            await peer.GreetAsync();
            (_, long call, Map request) = await peer.ReceiveAsync();
            object?[] small = (object?[])Messages.Maps.Read(ScriptedServer.Echo(call, request)[4..])!;
            byte[] answer = FrameSocket.Frame("infer", call, new Map((Map)small[2]!) { ["parameters"] = new byte[600_000] });

            // Half of it is worth nine seconds.
            await peer.SendAsync(answer.AsMemory(0, answer.Length / 2));
            await Task.Delay(10 * interval, TimeProvider.System, peer.Ending);
            await peer.SendAsync(answer.AsMemory(answer.Length / 2));
            await peer.WaitForEndAsync();
        });
        await using InferenceClient client = Client(server.Address, options => options.KeepAliveInterval = interval);

        Assert.Equal(1, await client.SendAsync(1));
    }

    [Fact]
    public async Task ServerThatFallsSilent_WithAWindowOfOne_IsGivenUpWithoutAPing()
    {
        await using ScriptedServer server = new(async peer =>
        {
            await peer.GreetAsync(window: 1);
            if (peer.Number > 0) await AnswerAsync(peer);
            else await peer.WaitForEndAsync();
        });
        await using InferenceClient client = Client(server.Address, options =>
        {
            options.KeepAliveInterval = TimeSpan.FromMilliseconds(50);
            options.KeepAliveTimeout = TimeSpan.FromMilliseconds(50);
        });

        await Assert.ThrowsAsync<TimeoutException>(() => client.SendAsync(1, timeout: Short));

        Assert.Equal(2, await client.SendAsync(2));
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, false)]
    [InlineData(1, true)]
    [InlineData(2, true)]
    public async Task BytesThatChangeOnTheWay_CallsEnd_NoneWithAnothersAnswer_AndTheServerServesOthers(int seed, bool isTls)
    {
        using TestCertificate certificate = new();
        await using FrameHost server = await FrameHost.StartAsync(certificate: isTls ? certificate.Server : null);

        // A handshake of TLS alone is two thousand bytes, all of which must be right.
        await using FlippingProxy proxy = new(server.Port, seed, meanDistance: isTls ? 6000 : 1500);
        await using InferenceClient client = Client($"{(isTls ? "tls" : "frames")}://localhost:{proxy.Port}", options =>
        {
            options.ConfigureTls = certificate.Trust;
            options.ConnectTimeout = TimeSpan.FromSeconds(1);
            options.KeepAliveInterval = options.KeepAliveTimeout = TimeSpan.FromMilliseconds(100);
            options.ReconnectDelay = TimeSpan.FromMilliseconds(5);
            options.MaxReconnectDelay = TimeSpan.FromMilliseconds(20);
        });
        await using InferenceClient other = Client(server.Address, options => options.ConfigureTls = certificate.Trust);
        using CancellationTokenSource enough = new();
        int answered = 0;
        int changedBytes = 0;

        Task<long> others = Task.Run(async () =>
        {
            long calls = 0;
            for (; !enough.IsCancellationRequested; calls++) Assert.Equal(calls, await other.SendAsync(calls));
            return calls;
        });
        await Task.WhenAll(Enumerable.Range(0, 4).Select(lane => Task.Run(async () =>
        {
            for (int i = 0; i < 40; i++)
            {
                if (await SendManyAsync(client, new Random((seed * 1000) + (lane * 40) + i)) is not { } changed) continue;
                Interlocked.Increment(ref answered);
                Interlocked.Add(ref changedBytes, changed);
            }
        })));
        await enough.CancelAsync();

        // Frames have no checksum of their own: what changed in a tensor arrives changed, byte for byte. Another call's answer would be hundreds of bytes more.
        Assert.InRange(proxy.Flips, 1, 300);
        Assert.InRange(changedBytes, 0, isTls ? 0 : proxy.Flips);
        Assert.InRange(answered, 1, 160);
        Assert.True(await others > 0);
        proxy.Heal();
        long began = TimeProvider.System.GetTimestamp();
        while (await SendManyAsync(client, new Random(seed)) is not 0) Assert.True(TimeProvider.System.GetElapsedTime(began) < Patience, "the client has not recovered");
    }

    private static InferenceClient Client(string address, Action<InferenceClientOptions>? configure = null)
    {
        InferenceClientOptions options = new() { Endpoints = { address } };
        configure?.Invoke(options);
        return new InferenceClient(options);
    }

    private static async Task AnswerAsync(ScriptedServer.Peer peer)
    {
        while (true)
        {
            (string kind, long call, Map request) = await peer.ReceiveAsync();
            if (kind == "infer") await peer.SendAsync(ScriptedServer.Echo(call, request));
            else if (kind == "ping") await peer.SendAsync(FrameSocket.Frame("ping", call, null));
        }
    }

    private static async Task AssertEndsAsync(Task<long> call) =>
        Assert.True(IsClear(await Assert.ThrowsAnyAsync<Exception>(() => InPatience(call))));

    /// <summary>Asserts that a call ends with its own number or a clear exception, which is returned.</summary>
    private static async Task<Exception?> EndAsync(Task<long> call, long number)
    {
        try
        {
            Assert.Equal(number, await call);
            return null;
        }
        catch (Exception error) when (IsClear(error))
        {
            return error;
        }
    }

    /// <summary>Sends 512 random bytes, and asserts that the call ends in time and not unclearly.</summary>
    /// <returns>How many of them came back as others; null where none did.</returns>
    private static async Task<int?> SendManyAsync(InferenceClient client, Random random)
    {
        long[] sent = new long[64];
        random.NextBytes(MemoryMarshal.AsBytes(sent.AsSpan()));
        InferenceRequest request = new InferenceRequest("number") { Id = $"{random.NextInt64():x16}", Timeout = TimeSpan.FromMilliseconds(250) }.AddInput("x", sent, sent.Length, 1);
        try
        {
            using InferenceResponse response = await InPatience(client.InferAsync(request, TestContext.Current.CancellationToken).AsTask());
            ReadOnlySpan<byte> bytes = response[0].Bytes;
            ReadOnlySpan<byte> expected = MemoryMarshal.AsBytes(sent.AsSpan());
            Assert.Equal((request.Id, expected.Length), (response.Id, bytes.Length));
            int changed = 0;
            for (int i = 0; i < bytes.Length; i++) changed += bytes[i] == expected[i] ? 0 : 1;
            return changed;
        }
        catch (Exception error) when (IsClear(error))
        {
            return null;
        }
    }

    /// <summary>Asserts that a call ends before patience does, which is not the call's own time-out.</summary>
    private static async Task<T> InPatience<T>(Task<T> call)
    {
        using CancellationTokenSource ended = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        Assert.Same(call, await Task.WhenAny(call, Task.Delay(Patience, TimeProvider.System, ended.Token)));
        await ended.CancelAsync();
        return await call;
    }

    private static bool IsClear(Exception error) => error is InferenceException or InferenceConnectionException || error.GetType() == typeof(TimeoutException);
}
