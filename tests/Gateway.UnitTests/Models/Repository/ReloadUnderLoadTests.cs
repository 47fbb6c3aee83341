using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using Gateway.Client;
using Gateway.Core.Models;
using Gateway.TestSupport;
using Gateway.UnitTests.OpenInference;
using Answer = Gateway.UnitTests.OpenInference.Answer;

namespace Gateway.UnitTests.Models.Repository;

/// <summary>A model is loaded again and again while clients of all carriers call it: none may fail, and none may be answered by a version that could not be live.</summary>
public sealed class ReloadUnderLoadTests : IAsyncDisposable
{
    private const int Reloads = 50;
    private const string Head = """{"inputs":[{"name":"x","datatype":"INT64","shape":[1,1],"parameters":{"binary_data_size":8}}],"parameters":{"binary_data_output":true}}""";

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

        for (int i = 1; i <= Reloads; i++)
        {
            Volatile.Write(ref _begun, i);
            await _repository.Write("m", ScriptedBackend.Script(i * 1_000_000L)).LoadAsync("m");
            Volatile.Write(ref _done, i);
        }

        _isOver = true;
        int[] calls = await Task.WhenAll(clients);
        Assert.All(calls, count => Assert.True(count > 0));
        await Eventually.TrueAsync(() => _repository.Backend.Open == 1, "all but the last are closed");
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

    /// <summary>Calls until it is over, and looks at each answer.</summary>
    private async Task<int> CallAsync(Func<long, Task<long>> ask)
    {
        int calls = 0;
        for (; !_isOver; calls++)
        {
            long least = Volatile.Read(ref _done);
            long added = await ask(calls % 1000) - (calls % 1000);
            long most = Volatile.Read(ref _begun);
            Assert.True(added % 1_000_000 == 0 && added / 1_000_000 >= least && added / 1_000_000 <= most, $"{added} was added while {least} to {most} could be live");
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

    private Task<InferenceServer> StartAsync() => InferenceServer.StartAsync(control: (catalog, pool) =>
    {
        _repository = new ScriptedRepository(null, catalog, pool);
        return _repository.Repository;
    });
}
