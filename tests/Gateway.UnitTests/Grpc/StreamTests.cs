using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Server.Grpc;
using Gateway.Server.Grpc.Messages;
using Gateway.Server.Hosting;
using Gateway.UnitTests.OpenInference;

namespace Gateway.UnitTests.Grpc;

public sealed class StreamTests : IAsyncLifetime
{
    private const string Method = GrpcClient.Service + "ModelStreamInfer";

    private readonly ManualResetEventSlim _gate = new();
    private GrpcServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await GrpcServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        _gate.Set();
        await _server.DisposeAsync();
        _gate.Dispose();
    }

    [Fact]
    public async Task Stream_ManyInFlightOfTwoModels_AreAnsweredInOrder()
    {
        const int Count = 2000;
        using GrpcDuplex stream = _server.Client.Open(Method);
        Task sending = SendAsync();

        for (int i = 0; i < Count; i++)
        {
            ModelStreamInferResponse answer = (await stream.ReadAsync(ModelStreamInferResponse.Parser))!;
            Assert.Equal("", answer.ErrorMessage);
            Assert.Equal($"{i}", answer.InferResponse.Id);
            Assert.Equal(i % 2 == 0 ? "rank" : "vector", answer.InferResponse.ModelName);
            Assert.Equal(i, Requests.Floats(answer.InferResponse.RawOutputContents[0])[0]);
            Assert.True(answer.InferResponse.Parameters["triton_final_response"].BoolParam);
        }

        await sending;
        Assert.Null(await stream.ReadAsync(ModelStreamInferResponse.Parser));
        Assert.Equal((0, ""), await stream.EndAsync());

        async Task SendAsync()
        {
            for (int i = 0; i < Count; i++) await stream.WriteAsync(Request(i));
            stream.Close();
        }

        static ModelInferRequest Request(int i)
        {
            ModelInferRequest request = i % 2 == 0 ? Requests.Raw("rank", [1, 3], i, 0, 0) : Requests.Raw("vector", [4], i, 0, 0, 0);
            request.Id = $"{i}";
            request.Parameters["triton_enable_empty_final_response"] = new InferParameter { BoolParam = true };
            return request;
        }
    }

    [Fact]
    public async Task Stream_Explained_EachAnswerSaysItsTimes()
    {
        using GrpcDuplex stream = _server.Client.Open(Method);
        for (int i = 0; i < 3; i++)
        {
            ModelInferRequest request = Requests.Raw("rank", [1, 3], i, 0, 0);
            if (i != 1) request.Parameters["explain"] = new InferParameter { BoolParam = true };
            await stream.WriteAsync(request);
            ModelInferResponse answer = (await stream.ReadAsync(ModelStreamInferResponse.Parser))!.InferResponse;
            Assert.Equal(i != 1, answer.Parameters.TryGetValue("server_timing", out InferParameter? timing));
            if (i != 1) Assert.Contains("queue;dur=", timing!.StringParam, StringComparison.Ordinal);
            Assert.Equal(i, Requests.Floats(answer.RawOutputContents[0])[0]);
        }
    }

    [Fact]
    public async Task Stream_LaterAnswersThatAreThereFirst_WaitTheirTurnAndHoldNoSlab()
    {
        _server.Server.AddGated(_gate, 100);
        using GrpcDuplex stream = _server.Client.Open(Method);
        await stream.WriteAsync(Requests.Raw("gated", [1, 1], 1));
        for (int i = 0; i < 100; i++) await stream.WriteAsync(Requests.Raw("rank", [1, 3], i, 0, 0));

        // More batches than the model has slabs: they all run, though none of their answers can leave.
        ServedModel rank = _server.Catalog.Find("rank", 0);
        await Eventually.TrueAsync(() => rank.Batcher.Statistics.Snapshot()[RequestOutcome.Succeeded] == 100, "the others are answered");
        Task<ModelStreamInferResponse?> first = stream.ReadAsync(ModelStreamInferResponse.Parser);
        Assert.False(first.IsCompleted);
        _gate.Set();

        Assert.Equal("gated", (await first)!.InferResponse.ModelName);
        for (int i = 0; i < 100; i++) Assert.Equal(i, Requests.Floats((await stream.ReadAsync(ModelStreamInferResponse.Parser))!.InferResponse.RawOutputContents[0])[0]);
        stream.Close();
        Assert.Equal((0, ""), await stream.EndAsync());
    }

    [Fact]
    public async Task Stream_Mistakes_AreAnsweredAndItGoesOn()
    {
        using GrpcDuplex stream = _server.Client.Open(Method);
        ModelInferRequest unknown = Requests.Raw("nobody", [1, 3], 1, 2, 3);
        unknown.Id = "a";
        ModelInferRequest fails = Requests.Raw("fails", [1, 1], 1);
        fails.Id = "b";
        await stream.WriteAsync(unknown);
        await stream.WriteAsync(fails);
        await stream.WriteAsync(Requests.Raw("rank", [1, 3], 1, 2, 3));

        ModelStreamInferResponse first = (await stream.ReadAsync(ModelStreamInferResponse.Parser))!;
        ModelStreamInferResponse second = (await stream.ReadAsync(ModelStreamInferResponse.Parser))!;
        ModelStreamInferResponse third = (await stream.ReadAsync(ModelStreamInferResponse.Parser))!;
        stream.Close();

        Assert.Equal("Request for unknown model: 'nobody' is not found", first.ErrorMessage);
        Assert.Equal(new ModelInferResponse { Id = "a" }, first.InferResponse);
        Assert.Equal("[request id: b] the model says no", second.ErrorMessage);
        Assert.Equal(
            new ModelInferResponse { Id = "b", ModelName = "fails", ModelVersion = "1", Parameters = { ["triton_final_response"] = new InferParameter { BoolParam = true } } }, second.InferResponse);
        Assert.Equal("", third.ErrorMessage);
        Assert.Equal((0, ""), await stream.EndAsync());
    }

    [Fact]
    public async Task Stream_AskedForStatuses_EndsWithTheFirstError()
    {
        using GrpcDuplex stream = _server.Client.Open(Method, ("triton_grpc_error", "true"));
        await stream.WriteAsync(Requests.Raw("rank", [1, 3], 1, 2, 3));
        await stream.WriteAsync(Requests.Raw("nobody", [1, 3], 1, 2, 3));

        Assert.Equal("", (await stream.ReadAsync(ModelStreamInferResponse.Parser))!.ErrorMessage);
        Assert.Null(await stream.ReadAsync(ModelStreamInferResponse.Parser));
        Assert.Equal((5, "Request for unknown model: 'nobody' is not found"), await stream.EndAsync());
    }

    [Fact]
    public async Task Stream_ClassificationAndLargeAnswers_ComeWhole()
    {
        using GrpcDuplex stream = _server.Client.Open(Method);
        ModelInferRequest ranked = Requests.Raw("rank", [1, 3], 0.5f, 2, 1);
        ranked.Outputs.Add(new ModelInferRequest.Types.InferRequestedOutputTensor { Name = "y", Parameters = { ["classification"] = new InferParameter { Int64Param = 1 } } });
        float[] large = [.. Enumerable.Range(0, 300_000).Select(each => (float)each)];

        await stream.WriteAsync(ranked);
        await stream.WriteAsync(Requests.Raw("any", [1, large.Length], large));
        await stream.WriteAsync(ranked);

        Assert.Equal("\u000e\0\0\02.000000:1:dog", (await stream.ReadAsync(ModelStreamInferResponse.Parser))!.InferResponse.RawOutputContents[0].ToStringUtf8());
        Assert.Equal(large, Requests.Floats((await stream.ReadAsync(ModelStreamInferResponse.Parser))!.InferResponse.RawOutputContents[0]));
        Assert.Equal("\u000e\0\0\02.000000:1:dog", (await stream.ReadAsync(ModelStreamInferResponse.Parser))!.InferResponse.RawOutputContents[0].ToStringUtf8());
        stream.Close();
        Assert.Equal((0, ""), await stream.EndAsync());
    }

    // What is compressed at the lowest level may grow by more than its block has room for.
    [Fact]
    public async Task Stream_AnswersPutAsideThatCompressionMakesLarger_AreAnswered()
    {
        const int Count = 8;
        await using GrpcServer server = await GrpcServer.StartAsync(new ServerOptions { GrpcInferResponseCompressionLevel = ResponseCompression.Low });
        server.Server.AddGated(_gate, 100);
        Random random = new(20261126);
        float[] numbers = [.. Enumerable.Range(0, 16_000).Select(_ => random.NextSingle())];
        using GrpcDuplex stream = server.Client.Open(Method, ("grpc-accept-encoding", "gzip"));
        await stream.WriteAsync(Requests.Raw("gated", [1, 1], 1));
        for (int i = 0; i < Count; i++) await stream.WriteAsync(Requests.Raw("any", [1, numbers.Length], numbers));
        await Eventually.TrueAsync(() => server.Catalog.Find("any", 0).Batcher.Statistics.Snapshot()[RequestOutcome.Succeeded] == Count, "the later ones are answered");
        _gate.Set();

        Assert.Equal("gated", (await stream.ReadAsync(ModelStreamInferResponse.Parser))!.InferResponse.ModelName);
        for (int i = 0; i < Count; i++) Assert.Equal(numbers, Requests.Floats((await stream.ReadAsync(ModelStreamInferResponse.Parser))!.InferResponse.RawOutputContents[0]));
        stream.Close();
        Assert.Equal((0, ""), await stream.EndAsync());
        Assert.Equal(numbers.Length * sizeof(float), (await server.Client.InferAsync(Requests.Raw("any", [1, numbers.Length], numbers))).RawOutputContents[0].Length);
    }

    [Fact]
    public async Task Stream_Cancelled_TakesItsRequestsOutOfTheQueue()
    {
        ServedModel model = _server.Server.AddGated(_gate, 100);
        using GrpcDuplex stream = _server.Client.Open(Method);
        await stream.WriteAsync(Requests.Raw("gated", [1, 1], 1));
        await Eventually.TrueAsync(() => model.Batcher.Statistics.Snapshot().Accepted == 1 && model.Batcher.PendingRequests == 0, "the first runs");
        for (int i = 0; i < 10; i++) await stream.WriteAsync(Requests.Raw("gated", [1, 1], 1));
        await Eventually.TrueAsync(() => model.Batcher.PendingRequests == 10, "the others wait");

        await stream.CancelAsync();

        await Eventually.TrueAsync(() => model.Batcher.PendingRequests == 0, "they are out of the queue while the first still runs");
        await Eventually.TrueAsync(() => model.Batcher.Statistics.Snapshot()[RequestOutcome.Cancelled] == 10, "and counted");
        _gate.Set();
        await Eventually.TrueAsync(() => model.Batcher.Statistics.Snapshot()[RequestOutcome.Cancelled] == 11, "the first's answer is wanted by nobody");
        await Eventually.TrueAsync(() => _server.Pool.RentedBytes == 0, "all blocks are back");
    }

    [Fact]
    public async Task Stream_TimeOver_EndsAndCancels()
    {
        ServedModel model = _server.Server.AddGated(_gate, 100);
        using GrpcDuplex stream = _server.Client.Open(Method, ("grpc-timeout", "300m"));
        for (int i = 0; i < 3; i++) await stream.WriteAsync(Requests.Raw("gated", [1, 1], 1));

        await Eventually.TrueAsync(() => model.Batcher.Statistics.Snapshot() is { Accepted: 3 } counts && counts[RequestOutcome.Cancelled] == 2, "what waited is cancelled");
        _gate.Set();

        Assert.Null(await stream.ReadAsync(ModelStreamInferResponse.Parser));
        Assert.Equal(4, (await stream.EndAsync()).Status);
    }

    [Fact]
    public async Task Stream_FullWindow_StopsReadingUntilAnswersLeave()
    {
        ServedModel model = _server.Server.AddGated(_gate, 100_000);
        using GrpcDuplex stream = _server.Client.Open(Method);
        Task sending = SendAsync();
        await Eventually.TrueAsync(() => model.Batcher.Statistics.Snapshot().Accepted == 256, "the window is full");
        await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.Equal(256, model.Batcher.Statistics.Snapshot().Accepted);

        _gate.Set();
        for (int i = 0; i < 1000; i++) Assert.Equal("", (await stream.ReadAsync(ModelStreamInferResponse.Parser))!.ErrorMessage);

        await sending;
        Assert.Equal((0, ""), await stream.EndAsync());

        async Task SendAsync()
        {
            for (int i = 0; i < 1000; i++) await stream.WriteAsync(Requests.Raw("gated", [1, 1], 1));
            stream.Close();
        }
    }

    [Fact]
    public async Task Stream_ServerStops_IsAnsweredAndToldSo()
    {
        ServedModel model = _server.Server.AddGated(_gate, 100);
        using GrpcDuplex stream = _server.Client.Open(Method);
        await stream.WriteAsync(Requests.Raw("gated", [1, 1], 1));
        await Eventually.TrueAsync(() => model.Batcher.Statistics.Snapshot().Accepted == 1, "it runs");

        Task stop = _server.StopAsync();
        _gate.Set();

        Assert.Equal("", (await stream.ReadAsync(ModelStreamInferResponse.Parser))!.ErrorMessage);
        Assert.Null(await stream.ReadAsync(ModelStreamInferResponse.Parser));
        Assert.Equal((14, "GRPC server is shutting down and has stopped accepting new requests."), await stream.EndAsync());
        stream.Close();
        await stop;
    }

    [Fact]
    public async Task Stream_ReaderThatDoesNotRead_HoldsNoSlab()
    {
        using GrpcDuplex stream = _server.Client.Open(Method);
        float[] large = new float[200_000];
        for (int i = 0; i < 20; i++) await stream.WriteAsync(Requests.Raw("any", [1, large.Length], large));

        await Eventually.TrueAsync(() => _server.Catalog.Find("any", 0).Batcher.Statistics.Snapshot()[RequestOutcome.Succeeded] == 20, "all are answered");
        Assert.Equal(800_000, (await _server.Client.InferAsync(Requests.Raw("any", [1, large.Length], large))).RawOutputContents[0].Length);
        for (int i = 0; i < 20; i++) Assert.Equal(800_000, (await stream.ReadAsync(ModelStreamInferResponse.Parser))!.InferResponse.RawOutputContents[0].Length);
        stream.Close();
        Assert.Equal((0, ""), await stream.EndAsync());
    }
}
