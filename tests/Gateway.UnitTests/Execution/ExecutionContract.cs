using System.Runtime.InteropServices;
using Gateway.Core.Diagnostics;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;
using Gateway.UnitTests.Models;

namespace Gateway.UnitTests.Execution;

/// <summary>What every way to run a model has to do, seen through the batcher; each provider runs all of it.</summary>
public abstract class ExecutionContract
{
    private const string Batching = "max_batch_size: 8 dynamic_batching { }";

    public static TheoryData<string> ElementTypes =>
        ["bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "fp16", "fp32", "fp64", "bf16"];

    public static TheoryData<string> SampleModels => ["denoise", "digits", "language", "wine"];

    /// <summary>What <see cref="Core.Execution.ExecutionPlacement.Provider"/> has to say.</summary>
    protected abstract string Provider { get; }

    /// <summary>The part of a configuration that asks for it.</summary>
    protected abstract string Instances { get; }

    /// <summary>Likewise, with arithmetic as exact as the provider has it.</summary>
    protected virtual string ExactInstances => Instances;

    /// <summary>Largest batch of a sample model.</summary>
    protected virtual int MostRows(string name) => 16;

    /// <summary>Skips the test, with the reason, where this cannot be run.</summary>
    protected abstract void RequireDevice();

    [Theory]
    [MemberData(nameof(ElementTypes))]
    public async Task EveryElementType_ComesBackUnchanged(string type)
    {
        await using TestRepository repository = await LoadAsync("echo", $"echo_{type}", Batching);
        ServedModel model = repository.Catalog.Find("echo", 0);
        int size = model.Inputs[0].DataType.Size();

        for (int rows = 1; rows <= 8; rows++)
        {
            byte[] raw = new byte[rows * 2 * size];
            new Random(rows).NextBytes(raw);
            if (model.Inputs[0].DataType == DataType.Bool) raw = [.. raw.Select(value => (byte)(value & 1))];
            if (type is "fp16" or "fp32" or "fp64" or "bf16") raw = Finite(raw, size);

            using InferenceRequest request = repository.Request("echo", ([rows, 2], raw));
            await model.InferAsync(request);

            Assert.True(request.Status == StatusCode.Ok, request.Error);
            Assert.Equal(raw, request.Outputs[0].Bytes.ToArray());
            Assert.Equal([rows, 2], request.Outputs[0].Shape.Dims.ToArray());
        }
    }

    [Fact]
    public async Task Strings_ComeBack()
    {
        await using TestRepository repository = await LoadAsync("echo", "echo_bytes", Batching);
        byte[] raw = [.. SampleRepositoryTests.Raw("one"), .. SampleRepositoryTests.Raw("deux · zwei")];

        using InferenceRequest request = repository.Request("echo", ([1, 2], raw));
        await request.Model.InferAsync(request);

        Assert.True(request.Status == StatusCode.Ok, request.Error);
        Assert.Equal(raw, request.Outputs[0].Bytes.ToArray());
    }

    [Fact]
    public async Task OutputOfUnknownSize_HasTheSizeThatItTurnsOutToHave()
    {
        await using TestRepository repository = await LoadAsync("nonzero", "nonzero", "");
        ServedModel model = repository.Catalog.Find("nonzero", 0);
        long[] shape = [.. model.Inputs[0].ClientDims.Dims.ToArray().Select(dim => dim < 0 ? 4 : dim)];
        float[] values = new float[shape.Aggregate(1L, (product, dim) => product * dim)];
        values[1] = 1;
        values[2] = 1;

        using InferenceRequest request = repository.Request("nonzero", (shape, MemoryMarshal.AsBytes<float>(values).ToArray()));
        await model.InferAsync(request);

        Assert.True(request.Status == StatusCode.Ok, request.Error);
        Assert.Equal(2, request.Outputs[0].Shape.Dims[^1]);
    }

    [Fact]
    public async Task SizesThatRequestsChoose_AreRunAsTheyCome()
    {
        await using TestRepository repository = await LoadAsync("add", "add", Batching);
        ServedModel model = repository.Catalog.Find("add", 0);
        foreach (int width in new[] { 1, 7, 64, 3 })
        {
            float[] a = [.. Enumerable.Range(0, 2 * width).Select(i => (float)i)];
            byte[] raw = MemoryMarshal.AsBytes<float>(a).ToArray();
            using InferenceRequest request = repository.Request("add", ([2, width], raw), ([2, width], raw));
            await model.InferAsync(request);

            Assert.True(request.Status == StatusCode.Ok, request.Error);
            Assert.Equal(a.Select(value => 2 * value), MemoryMarshal.Cast<byte, float>(request.Outputs[0].Bytes).ToArray());
        }
    }

    /// <remarks>The one that a binding made once from host memory fails: a device would go on with the first batch's rows.</remarks>
    [Fact]
    public async Task BatchAfterBatch_EachIsOfItsOwnRows()
    {
        await using TestRepository repository = await LoadAsync("matmul", "matmul", Batching);
        for (int i = 0; i < 40; i++)
        {
            int rows = 1 + (i % 8);
            float[] input = Rows(rows, seed: i);
            Assert.Equal(Product(input), await RunAsync(repository, "matmul", rows, input));
        }
    }

    [Fact]
    public async Task ManyRowsFromManyThreads_GoBackToTheirRequests()
    {
        await using TestRepository repository = await LoadAsync("matmul", "matmul", Batching);

        await Task.WhenAll(Enumerable.Range(0, 300).Select(i => Task.Run(async () =>
        {
            int rows = 1 + (i % 20);
            float[] input = Rows(rows, seed: i);
            Assert.Equal(Product(input), await RunAsync(repository, "matmul", rows, input));
        })));

        ModelCounts counts = repository.Catalog.Find("matmul", 0).Batcher.Statistics.Snapshot();
        Assert.Equal(300, counts[RequestOutcome.Succeeded]);
    }

    [Fact]
    public async Task TwoModelsAtOnce_DoNotDisturbEachOther()
    {
        RequireDevice();
        await using TestRepository repository = new();
        await repository.Add("one", "matmul", $"{Batching} {Instances}").Add("two", "matmul", $"{Batching} {Instances}").LoadAsync();
        AssertReady(repository, "one", "two");

        await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Task.Run(async () =>
        {
            float[] input = Rows(3, seed: i);
            Assert.Equal(Product(input), await RunAsync(repository, i % 2 == 0 ? "one" : "two", 3, input));
        })));
    }

    [Fact]
    public async Task AllowedSizes_PadAndCountThePadding()
    {
        await using TestRepository repository = await LoadAsync("matmul", "matmul", Batching, """{ "allowed_batch_sizes": [4, 8] }""");
        float[] input = Rows(3, seed: 1);

        Assert.Equal(Product(input), await RunAsync(repository, "matmul", 3, input));

        Assert.Equal(1, repository.Catalog.Find("matmul", 0).Batcher.Statistics.Snapshot().PaddingRows);
    }

    [Fact]
    public async Task LargeLoneRequest_IsRight()
    {
        await using TestRepository repository = await LoadAsync("matmul", "matmul", "max_batch_size: 2048 dynamic_batching { }");
        float[] input = Rows(2048, seed: 3);

        Assert.Equal(Product(input), await RunAsync(repository, "matmul", 2048, input));
    }

    [Fact]
    public async Task OutputsThatAreHeld_StayWhatTheyWereWhileOthersRun()
    {
        await using TestRepository repository = await LoadAsync("matmul", "matmul", Batching);
        ServedModel model = repository.Catalog.Find("matmul", 0);
        float[] input = Rows(2, seed: 100);
        using InferenceRequest held = repository.Request("matmul", ([2, 16], MemoryMarshal.AsBytes<float>(input).ToArray()));
        await model.InferAsync(held);

        for (int i = 0; i < 20; i++) await RunAsync(repository, "matmul", 2, Rows(2, seed: i));

        Assert.Equal(Product(input), MemoryMarshal.Cast<byte, float>(held.Outputs[0].Bytes).ToArray());
    }

    [Fact]
    public async Task TwoInstances_BothAnswer()
    {
        await using TestRepository repository = await LoadAsync("matmul", "matmul", $"{Batching}", instances: Instances.Replace("count: 1", "count: 2", StringComparison.Ordinal));
        await Task.WhenAll(Enumerable.Range(0, 100).Select(i => Task.Run(async () =>
        {
            float[] input = Rows(4, seed: i);
            Assert.Equal(Product(input), await RunAsync(repository, "matmul", 4, input));
        })));
        Assert.True(repository.Catalog.Find("matmul", 0).Placements.Count >= 2);
    }

    [Fact]
    public async Task Placement_NamesTheProvider()
    {
        await using TestRepository repository = await LoadAsync("matmul", "matmul", Batching);

        ServedModel model = repository.Catalog.Find("matmul", 0);

        Assert.All(model.Placements, placement => Assert.Equal(Provider, placement.Provider));
        Assert.All(model.Placements, placement => Assert.Empty(placement.CpuNodes));
        Assert.All(model.Placements, placement => Assert.Empty(placement.Refused));
    }

    [Fact]
    public async Task LoadingAgainAndAgain_LeavesNothingBehind()
    {
        RequireDevice();
        for (int i = 0; i < 20; i++)
        {
            // Its disposal checks that every block has come back.
            await using TestRepository repository = await LoadAsync("matmul", "matmul", Batching);
            float[] input = Rows(5, seed: i);
            Assert.Equal(Product(input), await RunAsync(repository, "matmul", 5, input));
        }
    }

    [Theory]
    [MemberData(nameof(SampleModels))]
    public async Task SampleModels_AgreeWithTheCpu(string name)
    {
        RequireDevice();
        await using DeviceComparison comparison = await DeviceComparison.OfAsync(name, ExactInstances, MostRows(name), DeviceComparison.Exact);

        Assert.Equal(Provider, comparison.Placement.Provider);
        foreach (int rows in new[] { 1, 2, 3, comparison.MaxBatchRows }.Where(rows => rows <= comparison.MaxBatchRows).Distinct()) await comparison.AssertAgreesAsync(rows, seed: rows);
    }

    private protected async Task<TestRepository> LoadAsync(string name, string onnx, string config, string? gateway = null, string? instances = null)
    {
        RequireDevice();
        TestRepository repository = await new TestRepository().Add(name, onnx, $"{config} {instances ?? Instances}", gateway).LoadAsync();
        if (repository.Status(name).State != ModelState.Ready)
        {
            string reason = repository.Status(name).Reason;
            await repository.DisposeAsync();
            Assert.Fail(reason);
        }

        return repository;
    }

    private static void AssertReady(TestRepository repository, params string[] names) =>
        Assert.All(names, name => Assert.True(repository.Status(name).State == ModelState.Ready, repository.Status(name).Reason));

    private protected static async Task<float[]> RunAsync(TestRepository repository, string name, int rows, float[] input)
    {
        using InferenceRequest request = repository.Request(name, ([rows, 16], MemoryMarshal.AsBytes<float>(input).ToArray()));
        await request.Model.InferAsync(request);
        Assert.True(request.Status == StatusCode.Ok, request.Error);
        return MemoryMarshal.Cast<byte, float>(request.Outputs[0].Bytes).ToArray();
    }

    /// <summary>Small whole numbers, so that sums are exact whatever their order.</summary>
    private protected static float[] Rows(int rows, int seed) => [.. Enumerable.Range(0, rows * 16).Select(i => (float)(((i * 31) + (seed * 17)) % 101))];

    /// <summary>What the model <c>matmul</c> gives: of each row the sum weighted by position, and seven times the plain sum.</summary>
    private protected static float[] Product(float[] input)
    {
        float[] output = new float[input.Length / 16 * 8];
        for (int row = 0; row < input.Length / 16; row++)
        {
            ReadOnlySpan<float> x = input.AsSpan(row * 16, 16);
            for (int i = 0; i < 16; i++)
            {
                output[row * 8] += x[i] * (i + 1);
                for (int j = 1; j < 8; j++) output[(row * 8) + j] += x[i];
            }
        }

        return output;
    }

    /// <summary>Clears the lowest bit of each element's exponent: what is left is neither infinite nor not a number, which a device need not keep bit for bit.</summary>
    private static byte[] Finite(byte[] raw, int size)
    {
        for (int i = size - 1; i < raw.Length; i += size) raw[i] &= 0xBF;
        return raw;
    }
}
