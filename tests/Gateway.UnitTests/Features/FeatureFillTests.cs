using System.Runtime.InteropServices;
using Gateway.Core.Features.Configuration;
using Gateway.Core.Memory;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;
using Gateway.TestSupport;
using Gateway.UnitTests.Caching;

namespace Gateway.UnitTests.Features;

/// <summary>Requests that bring keys: what the model gets, and what is refused.</summary>
public sealed class FeatureFillTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("features").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Keys_OfABatch_AreFilledWithTheirRows()
    {
        await using Filled model = await Filled.MakeAsync();
        await model.View.PutAsync(("a", 1), ("b", 2), ("c", 3));

        Assert.Equal(new long[] { 2 * TestView.Elements, TestView.Elements, 2 * TestView.Elements }, await model.SumsAsync(model.Request(["b", "a", "b"], 3)));
        Assert.Equal(new long[] { 3 * TestView.Elements }, await model.SumsAsync(model.Request(["c"], 1, 1)));
    }

    [Fact]
    public async Task Keys_WhoseRowsAreOnDisk_AreFilledWithoutWaitingForThem()
    {
        await using Filled model = await Filled.MakeAsync(folder: _folder);
        await model.View.PutAsync(0, 20_000);
        Task<long[]>[] all = [.. Enumerable.Range(0, 300).Select(at => model.SumsAsync(model.Request([.. Enumerable.Range(0, 8).Select(i => $"{at * 60 + i}")], 8)))];
        for (int at = 0; at < all.Length; at++) Assert.Equal(Enumerable.Range(0, 8).Select(i => (long)TestView.Elements * ((at * 60) + i)), await all[at]);
        Assert.True(model.View.View.Counts.DiskReads > 1000, $"{model.View.View.Counts.DiskReads} were read");
    }

    [Fact]
    public async Task Keys_WithoutARow_GetTheDefaultOneOrAnError()
    {
        FeatureViewConfig config = TestView.Config() with { Missing = MissingKey.Default, Default = TestView.Row(9) };
        await using Filled lenient = await Filled.MakeAsync(config);
        await lenient.View.PutAsync(("a", 1));
        await using Filled strict = await Filled.MakeAsync();
        await strict.View.PutAsync(("a", 1));

        Assert.Equal(new long[] { TestView.Elements, 9 * TestView.Elements }, await lenient.SumsAsync(lenient.Request(["a", "b"], 2)));
        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => strict.SumsAsync(strict.Request(["a", "b'"], 2)));
        Assert.Equal((StatusCode.NotFound, "[request id: <id_unknown>] feature view 'v' has no row for key 'b'' (element 1 of input 'x')"), (error.Status, error.Message));
    }

    [Fact]
    public async Task Keys_OnDiskWithoutARow_AreAnError()
    {
        await using Filled model = await Filled.MakeAsync(folder: _folder);
        await model.View.PutAsync(0, 20_000);
        InferenceRequest request = model.Request(["1", "2", "no", "3"], 4);
        await model.Model.Model.InferAsync(request);

        Assert.Equal((StatusCode.NotFound, "[request id: <id_unknown>] feature view 'v' has no row for key 'no' (element 2 of input 'x')"), (request.Status, request.Error));
        request.Dispose();
    }

    [Theory]
    [InlineData("type", "inference input 'x' data-type is 'INT64', but feature view 'v' has keys of 'BYTES'")]
    [InlineData("shape", "feature view 'v' has rows of shape [32], which with keys of shape [1,2] do not fit input 'x' of model 'm', of shape [-1,32]")]
    [InlineData("rank", "feature view 'v' has rows of shape [32], which with keys of shape [] do not fit input 'x' of model 'm', of shape [-1,32]")]
    [InlineData("bytes", "expected 2 string elements for inference input 'x' for model 'm', got 1")]
    [InlineData("cut", "incomplete string data for inference input 'x' for model 'm', expecting string of length 9 but only 1 bytes available")]
    public async Task Keys_ThatDoNotFit_AreRefusedByName(string what, string problem)
    {
        await using Filled model = await Filled.MakeAsync();
        InferenceRequest request = what switch
        {
            "type" => model.RequestOf(DataType.Int64, new byte[8], 1),
            "shape" => model.Request(["a", "b"], 1, 2),
            "rank" => model.Request(["a"]),
            "bytes" => model.Request(["a"], 2),
            _ => model.RequestOf(DataType.Bytes, [9, 0, 0, 0, 65], 1),
        };
        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => model.SumsAsync(request));

        Assert.Equal(StatusCode.InvalidArgument, error.Status);
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rows_OfMoreBytesThanARequestMayHave_AreRefused()
    {
        const int RowBytes = TestView.Elements * sizeof(long);
        await using Filled model = await Filled.MakeAsync(mostRowBytes: 2 * RowBytes);
        await model.View.PutAsync(("a", 1));
        Assert.Equal(new long[] { TestView.Elements, TestView.Elements }, await model.SumsAsync(model.Request(["a", "a"], 2)));
        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => model.SumsAsync(model.Request(["a", "a", "a"], 3)));

        Assert.Equal(StatusCode.InvalidArgument, error.Status);
        Assert.Equal("[request id: <id_unknown>] the rows of the request's keys have 768 bytes, which exceeds the maximum allowed input size of 512 bytes. Use --http-max-input-size to increase the limit.", error.Message);
    }

    [Fact]
    public async Task Rows_OfAnotherType_AreRefusedByName()
    {
        FeatureViewConfig config = TestView.Config() with { DataType = DataType.UInt64 };
        await using Filled model = await Filled.MakeAsync(config);
        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => model.SumsAsync(model.Request(["a"], 1)));

        Assert.Contains("feature view 'v' has rows of 'UINT64', but model 'm' expects 'INT64' for input 'x'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task View_ThatIsBeingLoaded_IsUnavailable()
    {
        await using Filled model = await Filled.MakeAsync(isOpen: false);
        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => model.SumsAsync(model.Request(["a"], 1)));

        Assert.Equal((StatusCode.Unavailable, "feature view 'v' is being loaded"), (error.Status, error.Message));
        Assert.NotNull(error.RetryAfter);
    }

    [Fact]
    public async Task Numbers_AsKeys_AreFilled()
    {
        await using Filled model = await Filled.MakeAsync(TestView.Config(DataType.Int64));
        await model.View.View.PutAsync(MemoryMarshal.AsBytes<long>([5, -6]).ToArray(), (byte[])[.. TestView.Row(50), .. TestView.Row(60)], 2);

        Assert.Equal(new long[] { 60 * TestView.Elements, 50 * TestView.Elements }, await model.SumsAsync(model.RequestOf(DataType.Int64, MemoryMarshal.AsBytes<long>([-6, 5]).ToArray(), 2)));
        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => model.SumsAsync(model.RequestOf(DataType.Int64, MemoryMarshal.AsBytes<long>([7]).ToArray(), 1)));
        Assert.Contains("has no row for key 7 (element 0 of input 'x')", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Disk_DoesNotAnswer_DeadlinesHoldAndNothingIsWrittenWhereOthersAre()
    {
        HeldDisk disk = new();
        ManualTimeProvider time = new();
        await using Filled model = await Filled.MakeAsync(disk: disk, time: time);
        await model.View.PutAsync(("a", 1), ("b", 2));
        disk.Holds = _ => true;
        InferenceRequest request = model.Request(["a", "b"], 2);
        request.LimitTime(250_000);
        Task<long[]> timed = model.SumsAsync(request);
        Task<long[]> patient = model.SumsAsync(model.Request(["a", "b"], 2));
        time.Advance(TimeSpan.FromMilliseconds(249));
        Assert.False(timed.IsCompleted);
        time.Advance(TimeSpan.FromMilliseconds(2));
        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => timed);
        Assert.Equal((StatusCode.Unavailable, "Request timeout expired"), (error.Status, error.Message));

        // The same request object, while the disk still has what the last use of it lent.
        Task<long[]> next = model.SumsAsync(model.Request(["b", "a"], 2));
        disk.Answer();
        Assert.Equal(new long[] { 2 * TestView.Elements, TestView.Elements }, await next);
        Assert.Equal(new long[] { TestView.Elements, 2 * TestView.Elements }, await patient);

        Task<long[]> stuck = model.SumsAsync(model.Request(["a"], 1));
        time.Advance(TimeSpan.FromSeconds(5.1));
        error = await Assert.ThrowsAsync<InferenceException>(() => stuck);
        Assert.Equal((StatusCode.Unavailable, "the disk of feature view 'v' does not answer"), (error.Status, error.Message));
        disk.MostReads = 0;
        error = await Assert.ThrowsAsync<InferenceException>(() => model.SumsAsync(model.Request(["a"], 1)));
        Assert.Contains("rows that cannot be read", error.Message, StringComparison.Ordinal);
        disk.MostReads = 32;
        disk.Answer();
        disk.Holds = null;
        Assert.Equal(new long[] { TestView.Elements }, await model.SumsAsync(model.Request(["a"], 1)));
        Assert.Single(model.View.Log.Warnings, warning => warning.Contains("has answered nothing for 5 seconds", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Disk_DoesNotAnswer_WhatARequestHasWaitedUnreadCounts()
    {
        HeldDisk disk = new();
        ManualTimeProvider time = new();
        await using Filled model = await Filled.MakeAsync(disk: disk, time: time);
        await model.View.PutAsync(("a", 1));
        disk.Holds = _ => true;
        InferenceRequest request = model.Request(["a"], 1);
        request.LimitTime(250_000);
        request.Waited = time.TimestampFrequency / 10;
        Task<long[]> timed = model.SumsAsync(request);
        time.Advance(TimeSpan.FromMilliseconds(149));
        Assert.False(timed.IsCompleted);
        time.Advance(TimeSpan.FromMilliseconds(2));
        Assert.Equal("Request timeout expired", (await Assert.ThrowsAsync<InferenceException>(() => timed)).Message);
        disk.Answer();
    }

    // Whoever gives it its time: the model does here.
    [Fact]
    public async Task Disk_AnswersLate_TheRequestsTimeCountsFromItsArrivalAllTheSame()
    {
        HeldDisk disk = new();
        ManualTimeProvider time = new();
        await using Filled model = await Filled.MakeAsync(disk: disk, time: time, objective: TimeSpan.FromMilliseconds(200));
        await model.View.PutAsync(("a", 1));
        disk.Holds = _ => true;
        InferenceRequest request = model.Request(["a"], 1);
        request.Waited = time.TimestampFrequency / 10;
        long came = time.GetTimestamp() - request.Waited;
        Task answered = model.Model.Model.InferAsync(request).AsTask();
        time.Advance(TimeSpan.FromMilliseconds(60));
        disk.Answer();
        await answered;

        Assert.Equal(StatusCode.Ok, request.Status);
        Assert.Equal((came, came + (time.TimestampFrequency / 5)), (request.Arrival, request.DueAt));
        request.Dispose();
    }

    [Fact]
    public async Task Disk_AnswersOthers_OneWithoutADeadlineWaitsForItsTurn()
    {
        HeldDisk disk = new() { MostReads = 1 };
        ManualTimeProvider time = new();
        await using Filled model = await Filled.MakeAsync(disk: disk, time: time);
        await model.View.PutAsync(0, 4);
        disk.Holds = _ => true;
        List<Task<long[]>> all = [.. Enumerable.Range(0, 4).Select(_ => model.SumsAsync(model.Request(["3"], 1)))];
        while (all.Count > 0)
        {
            // 16 seconds for the last, none of them with nothing for five. Whose turn is next is not said.
            Assert.True(SpinWait.SpinUntil(() => disk.Reads == 1, TimeSpan.FromSeconds(20)));
            time.Advance(TimeSpan.FromSeconds(4));
            disk.Answer();
            Task<long[]> first = await Task.WhenAny(all);
            Assert.Equal(new long[] { 3 * TestView.Elements }, await first);
            all.Remove(first);
        }

        Assert.Empty(model.View.Log.Warnings);
    }

    [Fact]
    public async Task Disk_AnswersLate_WhatWasLentItComesBack()
    {
        HeldDisk disk = new();
        ManualTimeProvider time = new();
        await using Filled model = await Filled.MakeAsync(disk: disk, time: time);
        await model.View.PutAsync(("a", 1));
        disk.Holds = _ => true;
        Task<long[]> stuck = model.SumsAsync(model.Request(["a"], 1));
        time.Advance(TimeSpan.FromSeconds(5.1));
        await Assert.ThrowsAsync<InferenceException>(() => stuck);

        // The keys, and the room for their rows.
        Assert.Equal(2, model.Pool.RentedBlocks(BlockOwner.RequestTensors));
        disk.Answer();
        Assert.True(SpinWait.SpinUntil(() => model.Pool.RentedBlocks(BlockOwner.RequestTensors) == 0, TimeSpan.FromSeconds(20)));
    }

    /// <summary>A model that sums each row, with a view.</summary>
    private sealed class Filled : IAsyncDisposable
    {
        private Filled(TestModel model, TestView view)
        {
            Model = model;
            View = view;
        }

        public TestModel Model { get; }

        public BlockPool Pool => Model.Pool;

        public TestView View { get; }

        public static async Task<Filled> MakeAsync(FeatureViewConfig? config = null, string? folder = null, bool isOpen = true, HeldDisk? disk = null, TimeProvider? time = null, long mostRowBytes = long.MaxValue, TimeSpan objective = default)
        {
            TestView? view = null;
            TestModel model = new(new TestModelSetup
            {
                Inputs = [TestModelSetup.Tensor("x", DataType.Int64, TestView.Elements)],
                Time = time ?? TimeProvider.System,
                Policy = new BatchingPolicy { MaxBatchRows = 8, FollowsLatencyCurve = false, Objective = (long)(objective.TotalSeconds * (time ?? TimeProvider.System).TimestampFrequency) },
                Features = pool => (view = new TestView(config, folder, time, pool, disk, mostRowBytes)).Views,
                CreateExecutor = (layout, pool, clock) => new FunctionExecutor(layout, pool, clock, static (_, inputs, outputs) =>
                {
                    ReadOnlySpan<long> numbers = MemoryMarshal.Cast<byte, long>(inputs[0]);
                    Span<long> sums = MemoryMarshal.Cast<byte, long>(outputs[0].AsSpan());
                    for (int row = 0; row < numbers.Length / TestView.Elements; row++)
                    {
                        long sum = 0;
                        foreach (long number in numbers.Slice(row * TestView.Elements, TestView.Elements)) sum += number;
                        sums[row] = sum;
                    }
                }),
            });
            if (isOpen) await view!.OpenAsync();
            return new Filled(model, view!);
        }

        public InferenceRequest Request(string[] keys, params long[] shape) => RequestOf(DataType.Bytes, TestView.Keys(keys), shape);

        public InferenceRequest RequestOf(DataType type, byte[] keys, params long[] shape)
        {
            InferenceRequest request = Model.Model.RentRequest();
            Assert.True(Model.Pool.TryRent(keys.Length, BlockOwner.RequestTensors, out MemoryBlock? block));
            keys.CopyTo(block.Span);
            request.Block = block;
            request.Inputs[0] = new InputTensor { DataType = type, Shape = new TensorShape(shape), ByteLength = keys.Length, View = View.View };
            return request;
        }

        /// <summary>Sends it, and gives the answer's numbers; throws what it failed with.</summary>
        public async Task<long[]> SumsAsync(InferenceRequest request)
        {
            try
            {
                await Model.Model.InferAsync(request);
                if (request.Status != StatusCode.Ok) throw new InferenceException(request.Status, request.Error ?? "");
                return MemoryMarshal.Cast<byte, long>(request.Outputs[0].Bytes).ToArray();
            }
            finally
            {
                request.Dispose();
            }
        }

        public async ValueTask DisposeAsync()
        {
            await Model.StopAsync(TimeSpan.FromSeconds(10));
            View.Dispose();

            // What was lent to the disk for a request that was given up comes back on a thread of the pool, after the disk has answered: nobody is told of that.
            SpinWait.SpinUntil(() => Pool.RentedBlocks(BlockOwner.RequestTensors) == 0, TimeSpan.FromSeconds(20));
            await Model.DisposeAsync();
        }
    }
}
