using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using Gateway.Client;
using Gateway.Core.Models;
using Gateway.Core.Models.Repository;
using Gateway.Server.Grpc.Messages;
using Gateway.TestSupport;
using Gateway.UnitTests.Grpc;
using Gateway.UnitTests.OpenInference;
using Google.Protobuf;
using Answer = Gateway.UnitTests.OpenInference.Answer;

namespace Gateway.UnitTests.Models.Repository;

/// <summary>A model is loaded again and again while clients of all carriers call it: none may fail, and none may be answered by a version that could not be live.</summary>
public sealed class ReloadUnderLoadTests : IAsyncDisposable
{
    private const int Reloads = 50;
    private const int InFlight = 8;
    private const string Head = """{"inputs":[{"name":"x","datatype":"INT64","shape":[1,1],"parameters":{"binary_data_size":8}}],"parameters":{"binary_data_output":true}}""";

    // Far more than a load of a script takes, and less than a drain may.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private ScriptedRepository? _repository;

    // Number of the last reload that was begun, and of the last that was over.
    private long _begun;
    private long _done;
    private volatile bool _isOver;

    public async ValueTask DisposeAsync()
    {
        if (_repository is not null) await _repository.DisposeAsync();
    }

    [Fact]
    public async Task Reload_FiftyTimes_NoRequestFailsAndNoAnswerIsStale()
    {
        await using InferenceServer server = await StartAsync();
        await _repository!.Write("m", ScriptedBackend.Script(0)).LoadAsync("m");
        await using InferenceClient frames = new(new InferenceClientOptions { Endpoints = { $"127.0.0.1:{server.FramesPort}" }, MaxAttempts = 1 });
        await using InferenceClient http = new(new InferenceClientOptions { Endpoints = { $"http://127.0.0.1:{server.Port}" }, MaxAttempts = 1 });
        Task<int>[] clients =
        [
            .. Enumerable.Range(0, 4).Select(_ => CallAsync(value => AskAsync(frames, value))),
            .. Enumerable.Range(0, 2).Select(_ => CallAsync(value => AskAsync(http, value))),
            .. Enumerable.Range(0, 2).Select(_ => CallAsync(value => AskAsync(server, value))),
        ];

        int[] calls = await ReloadAsync(clients);
        Assert.Equal(Reloads + 1, _repository.Backend.Loads);
        ServedModel last = _repository.Catalog.Find("m", 0);
        Assert.Equal(calls.Sum(), last.Batcher.Statistics.Snapshot().Inferences);
    }

    [Fact]
    public async Task Reload_OtherShapeAndName_NothingRemembersTheOldOne()
    {
        await using InferenceServer server = await StartAsync();
        await _repository!.Write("m", ScriptedBackend.Script(1, width: 2, output: "old")).LoadAsync("m");
        await using InferenceClient frames = new(new InferenceClientOptions { Endpoints = { $"127.0.0.1:{server.FramesPort}" }, MaxAttempts = 1 });
        await using InferenceClient http = new(new InferenceClientOptions { Endpoints = { $"http://127.0.0.1:{server.Port}" }, MaxAttempts = 1 });
        string head = Head.Replace("[1,1]", "[1,2]", StringComparison.Ordinal).Replace("8}", "16}", StringComparison.Ordinal);
        long[] sent = [5, 6];
        byte[] bytes = MemoryMarshal.AsBytes(sent.AsSpan()).ToArray();

        // Often enough that what comes again and again is remembered: the heads of requests and answers, and the connection's model.
        for (int i = 0; i < 20; i++) await AllAnswerAsync("old", 6, 7);
        await _repository.Write("m", ScriptedBackend.Script(10, width: 2, output: "renamed")).LoadAsync("m");
        for (int i = 0; i < 20; i++) await AllAnswerAsync("renamed", 15, 16);
        await _repository.Write("m", ScriptedBackend.Script(10, width: 3, output: "renamed")).LoadAsync("m");

        Answer narrow = await server.InferBinaryAsync("m", head, bytes);
        Assert.Equal(HttpStatusCode.BadRequest, narrow.Status);
        Assert.Contains("Expected [-1,3], got [1,2]", narrow.Error, StringComparison.Ordinal);
        foreach (InferenceClient client in new[] { frames, http })
        {
            Exception? error = await Record.ExceptionAsync(async () => await client.InferAsync(new InferenceRequest("m").AddInput("x", sent, 1, 2), TestContext.Current.CancellationToken));
            Assert.Contains("Expected [-1,3], got [1,2]", error?.Message, StringComparison.Ordinal);
            using InferenceResponse wide = await client.InferAsync(new InferenceRequest("m").AddInput("x", [1L, 2, 3], 1, 3), TestContext.Current.CancellationToken);
            Assert.Equal([11, 12, 13], wide.Output("renamed").AsSpan<long>().ToArray());
        }

        async Task AllAnswerAsync(string output, params long[] expected)
        {
            foreach (InferenceClient client in new[] { frames, http })
            {
                using InferenceResponse response = await client.InferAsync(new InferenceRequest("m").AddInput("x", sent, 1, 2), TestContext.Current.CancellationToken);
                Assert.Equal(expected, response.Output(output).AsSpan<long>().ToArray());
            }

            Answer answer = await server.InferBinaryAsync("m", head, bytes);
            Assert.Equal(output, answer.Json.GetProperty("outputs")[0].GetProperty("name").GetString());
            Assert.Equal(expected, MemoryMarshal.Cast<byte, long>(answer.Blobs).ToArray());
        }
    }

    [Fact]
    public async Task Reload_WhileABodyArrives_TheOldOneAnswersIt()
    {
        await using InferenceServer server = await StartAsync();
        await _repository!.Write("m", ScriptedBackend.Script(1)).LoadAsync("m");
        using RawConnection slow = await RawConnection.OpenAsync(server);
        string body = """{"inputs":[{"name":"x","datatype":"INT64","shape":[1,1],"data":[4]}]}""";
        byte[] request = RawConnection.Request("m", Encoding.UTF8.GetBytes(body));
        await slow.SendAsync(request.AsMemory(0, request.Length - 20));
        await Eventually.TrueAsync(() => _repository.Catalog.Find("m", 0).Lent == 1, "the request has begun");

        await _repository.Write("m", ScriptedBackend.Script(2000)).LoadAsync("m");
        Assert.Equal(2, _repository.Backend.Open);
        await slow.SendAsync(request.AsMemory(request.Length - 20));

        Assert.Contains("[5]", Encoding.UTF8.GetString((await slow.ReadAnswerAsync()).Body), StringComparison.Ordinal);
        await Eventually.TrueAsync(() => _repository.Backend.Open == 1, "the old one is closed");
    }

    [Fact]
    public async Task Reload_WhileBodiesArrive_LoadsWaitOnlyForTheBound()
    {
        await using InferenceServer server = await StartAsync(options => options with { MostDraining = 2 });
        await _repository!.Write("m", ScriptedBackend.Script(1)).LoadAsync("m");
        List<RawConnection> slow = [];
        byte[] request = RawConnection.Request("m", Encoding.UTF8.GetBytes("""{"inputs":[{"name":"x","datatype":"INT64","shape":[1,1],"data":[4]}]}"""));

        // An unload does not wait either, nor what is loaded after it.
        await BeginAsync();
        await _repository.Repository.UnloadAsync("m");
        await _repository.LoadAsync("m").WaitAsync(Patience, TestContext.Current.CancellationToken);
        for (int i = 2; i <= 3; i++)
        {
            await BeginAsync();
            await _repository.Write("m", ScriptedBackend.Script(1000 * i)).LoadAsync("m").WaitAsync(Patience, TestContext.Current.CancellationToken);
            Assert.Equal(1000 * i, await _repository.AddsAsync("m"));
        }

        Task beyond = _repository.Write("m", ScriptedBackend.Script(10_000)).LoadAsync("m");
        Task<string> other = LoadOtherAsync();
        Assert.Equal("loaded", await other.WaitAsync(Patience, TestContext.Current.CancellationToken));
        Assert.False(beyond.IsCompleted);
        Assert.Equal(3000, await _repository.AddsAsync("m"));
        Assert.Equal("5", await FinishAsync(slow[1], 1));
        await beyond.WaitAsync(Patience, TestContext.Current.CancellationToken);

        Assert.Equal(10_000, await _repository.AddsAsync("m"));
        Assert.Equal("5", await FinishAsync(slow[0], 1));
        Assert.Equal("2004", await FinishAsync(slow[2], 2000));
        await Eventually.TrueAsync(() => _repository.Backend.Open == 2, "all but the last ones are closed");

        async Task BeginAsync()
        {
            RawConnection connection = await RawConnection.OpenAsync(server);
            slow.Add(connection);
            await connection.SendAsync(request.AsMemory(0, request.Length - 20));
            await Eventually.TrueAsync(() => _repository.Catalog.Find("m", 0).Lent == 1, "the request has begun");
        }

        async Task<string> LoadOtherAsync()
        {
            await _repository.Write("other", ScriptedBackend.Script(1)).LoadAsync("other");
            return "loaded";
        }

        async Task<string> FinishAsync(RawConnection connection, int added)
        {
            using RawConnection one = connection;
            await one.SendAsync(request.AsMemory(request.Length - 20));
            string body = Encoding.UTF8.GetString((await one.ReadAnswerAsync()).Body);
            return body.Contains($"[{4 + added}]", StringComparison.Ordinal) ? $"{4 + added}" : body;
        }
    }

    [Fact]
    public async Task ReloadGrpc_FiftyTimes_NoCallOrStreamFailsAndNoAnswerIsStale()
    {
        await using GrpcServer server = await GrpcServer.StartAsync(control: (catalog, pool) =>
        {
            _repository = new ScriptedRepository(null, catalog, pool);
            return _repository.Repository;
        });
        await _repository!.Write("m", ScriptedBackend.Script(0)).LoadAsync("m");
        Task<int>[] clients =
        [
            .. Enumerable.Range(0, 4).Select(_ => CallAsync(value => AskAsync(server.Client, value))),
            .. Enumerable.Range(0, 4).Select(_ => StreamAsync(server.Client)),
        ];

        int[] calls = await ReloadAsync(clients);
        Assert.Equal(calls.Sum(), _repository.Catalog.Find("m", 0).Batcher.Statistics.Snapshot().Inferences);
    }

    /// <summary>Loads the model again and again under those who call it.</summary>
    /// <returns>How many calls each of them made.</returns>
    private async Task<int[]> ReloadAsync(Task<int>[] clients)
    {
        for (int i = 1; i <= Reloads; i++)
        {
            Volatile.Write(ref _begun, i);
            await _repository!.Write("m", ScriptedBackend.Script(i * 1_000_000L)).LoadAsync("m");
            Volatile.Write(ref _done, i);
        }

        _isOver = true;
        int[] calls = await Task.WhenAll(clients);
        Assert.All(calls, count => Assert.True(count > 0));
        await Eventually.TrueAsync(() => _repository!.Backend.Open == 1, "all but the last are closed");
        return calls;
    }

    /// <summary>One stream over all reloads, with several requests in it at a time.</summary>
    private async Task<int> StreamAsync(GrpcClient client)
    {
        using GrpcDuplex stream = client.Open(GrpcClient.Service + "ModelStreamInfer");
        int calls = 0;
        int read = 0;
        Queue<long> leasts = [];
        for (; !_isOver || read < calls;)
        {
            while (!_isOver && calls - read < InFlight)
            {
                leasts.Enqueue(Volatile.Read(ref _done));
                await stream.WriteAsync(Ask(calls++ % 1000));
            }

            if (read == calls) break;
            ModelStreamInferResponse? answer = await stream.ReadAsync(ModelStreamInferResponse.Parser);
            Assert.Equal("", answer?.ErrorMessage);
            CheckAnswer(BitConverter.ToInt64(answer!.InferResponse.RawOutputContents[0].Span) - (read++ % 1000), leasts.Dequeue());
        }

        stream.Close();
        Assert.Equal((0, ""), await stream.EndAsync());
        return calls;
    }

    private static ModelInferRequest Ask(long value) => new()
    {
        ModelName = "m",
        Inputs = { new ModelInferRequest.Types.InferInputTensor { Name = "x", Datatype = "INT64", Shape = { 1, 1 } } },
        RawInputContents = { ByteString.CopyFrom(BitConverter.GetBytes(value)) },
    };

    private static async Task<long> AskAsync(GrpcClient client, long value) => BitConverter.ToInt64((await client.InferAsync(Ask(value))).RawOutputContents[0].Span);

    private void CheckAnswer(long added, long least)
    {
        long most = Volatile.Read(ref _begun);
        Assert.True(added % 1_000_000 == 0 && added / 1_000_000 >= least && added / 1_000_000 <= most, $"{added} was added while {least} to {most} could be live");
    }

    /// <summary>Calls until it is over, and looks at each answer.</summary>
    private async Task<int> CallAsync(Func<long, Task<long>> ask)
    {
        int calls = 0;
        for (; !_isOver; calls++)
        {
            long least = Volatile.Read(ref _done);
            CheckAnswer(await ask(calls % 1000) - (calls % 1000), least);
        }

        return calls;
    }

    private static async Task<long> AskAsync(InferenceClient client, long value)
    {
        using InferenceResponse response = await client.InferAsync(new InferenceRequest("m").AddInput("x", [value], 1, 1), TestContext.Current.CancellationToken);
        return response.Output("y").AsSpan<long>()[0];
    }

    private static async Task<long> AskAsync(InferenceServer server, long value)
    {
        Answer answer = await server.InferBinaryAsync("m", Head, BitConverter.GetBytes(value));
        Assert.True(answer.Status == HttpStatusCode.OK, answer.HeadText);
        return BitConverter.ToInt64(answer.Blobs);
    }

    private Task<InferenceServer> StartAsync(Func<RepositoryOptions, RepositoryOptions>? configure = null) => InferenceServer.StartAsync(control: (catalog, pool) =>
    {
        _repository = new ScriptedRepository(configure, catalog, pool);
        return _repository.Repository;
    });
}
