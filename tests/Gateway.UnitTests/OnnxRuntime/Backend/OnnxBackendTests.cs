using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Gateway.Core.Diagnostics;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.OnnxRuntime.Backend;
using Gateway.OnnxRuntime.Backend.Compiled;
using Gateway.OnnxRuntime.Native;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;
using Gateway.UnitTests.Models;

namespace Gateway.UnitTests.OnnxRuntime.Backend;

[Collection(OrtTests.Name)]
public sealed class OnnxBackendTests
{
    private const string Batching = "max_batch_size: 8 dynamic_batching { }";

    public static TheoryData<string> EchoTypes =>
        ["bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "fp16", "fp32", "fp64", "bf16"];

    [Theory]
    [MemberData(nameof(EchoTypes))]
    public async Task Execute_EveryElementType_ComesBackUnchanged(string type)
    {
        await using TestRepository repository = await new TestRepository().Add("echo", $"echo_{type}").LoadAsync();
        Assert.True(repository.Status("echo").State == ModelState.Ready, repository.Status("echo").Reason);
        ServedModel model = repository.Catalog.Find("echo", 0);
        DataType dataType = model.Inputs[0].DataType;
        long[] shape = [.. model.Layout.IsBatching ? [3L] : Array.Empty<long>(), .. model.Inputs[0].ClientDims.Dims.ToArray().Select(dim => dim < 0 ? 3 : dim)];
        byte[] raw = new byte[shape.Aggregate(1L, (product, dim) => product * dim) * dataType.Size()];
        for (int i = 0; i < raw.Length; i++) raw[i] = (byte)(dataType == DataType.Bool ? i & 1 : i * 7);

        using InferenceRequest request = repository.Request("echo", (shape, raw));
        await model.InferAsync(request);

        Assert.True(request.Status == StatusCode.Ok, request.Error);
        Assert.Equal(raw, request.Outputs[0].Bytes.ToArray());
        Assert.Equal(shape, request.Outputs[0].Shape.Dims.ToArray());
    }

    [Fact]
    public async Task Digest_OfAModel_IsOfWhatRunsItToo()
    {
        await using TestRepository repository = await new TestRepository().Add("echo", "echo_fp32").LoadAsync();
        ServedModel model = repository.Catalog.Find("echo", 0);
        byte[] files = ModelDigest.OfFiles(Path.Combine(repository.Path, "echo", "1"));
        byte[] library = await File.ReadAllBytesAsync(OrtLibrary.LoadedFrom, TestContext.Current.CancellationToken);

        byte[] machine = Encoding.UTF8.GetBytes($"{Processor.Identity}; {NvidiaDriver.Identity}");

        Assert.Equal(ModelDigest.Of([.. files, .. "1.30.0"u8, .. SHA256.HashData(library), .. typeof(OnnxModel).Module.ModuleVersionId.ToByteArray(), .. machine], model.Layout), model.Digest);
    }

    [Fact]
    public async Task Execute_Strings_ComeBackToTheirOwnRequests()
    {
        await using TestRepository repository = await new TestRepository().Add("echo", "echo_bytes").LoadAsync();
        Assert.True(repository.Status("echo").State == ModelState.Ready, repository.Status("echo").Reason);
        ServedModel model = repository.Catalog.Find("echo", 0);

        await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Task.Run(async () =>
        {
            byte[] raw = [.. SampleRepositoryTests.Raw($"request {i}"), .. SampleRepositoryTests.Raw(new string('x', i))];
            long[] shape = [.. Enumerable.Repeat(1L, (model.Layout.IsBatching ? 1 : 0) + model.Inputs[0].ClientDims.Rank - 1), 2L];
            using InferenceRequest request = repository.Request("echo", (shape, raw));
            await model.InferAsync(request);
            Assert.True(request.Status == StatusCode.Ok, request.Error);
            Assert.Equal(Encoding.UTF8.GetString(raw), Encoding.UTF8.GetString(request.Outputs[0].Bytes));
        })));
    }

    [Fact]
    public async Task Execute_ManyRowsFromManyThreads_GoBackToTheirRequests()
    {
        await using TestRepository repository = await new TestRepository().Add("matmul", "matmul", Batching).LoadAsync();
        Assert.True(repository.Status("matmul").State == ModelState.Ready, repository.Status("matmul").Reason);
        ServedModel model = repository.Catalog.Find("matmul", 0);
        int width = (int)model.Inputs[0].ClientDims[0];

        float[] alone = await RunAsync(repository, model, 1, width, 5);
        float[][] all = await Task.WhenAll(Enumerable.Range(0, 300).Select(i => Task.Run(() => RunAsync(repository, model, 1 + (i % 20), width, i))));

        for (int i = 0; i < all.Length; i++)
        {
            float[] expected = await RunAsync(repository, model, 1 + (i % 20), width, i);
            Assert.Equal(expected, all[i]);
        }

        Assert.Equal(alone.Length, all[0].Length);
        ModelCounts counts = model.Batcher.Statistics.Snapshot();
        Assert.Equal(counts.Accepted, counts[RequestOutcome.Succeeded]);
    }

    [Fact]
    public async Task Execute_AllowedSizes_PadsAndCountsThePadding()
    {
        await using TestRepository repository = await new TestRepository().Add("matmul", "matmul", Batching, """{ "allowed_batch_sizes": [4, 8] }""").LoadAsync();
        ServedModel model = repository.Catalog.Find("matmul", 0);
        int width = (int)model.Inputs[0].ClientDims[0];

        float[] output = await RunAsync(repository, model, 3, width, 1);

        Assert.Equal(3 * model.Outputs[0].RowBytes / sizeof(float), output.Length);
        Assert.Equal(1, model.Batcher.Statistics.Snapshot().PaddingRows);
    }

    [Theory]
    [InlineData(3, 3 * 64)]
    [InlineData(2048, 0)]
    public async Task Execute_LoneRequest_IsGatheredWhenItIsSmallAndBoundWhereItLiesWhenItIsLarge(int rows, long gatheredBytes)
    {
        await using TestRepository repository = await new TestRepository().Add("matmul", "matmul", "max_batch_size: 2048 dynamic_batching { }").LoadAsync();
        ServedModel model = repository.Catalog.Find("matmul", 0);

        float[] output = await RunAsync(repository, model, rows, 16, 1);

        Assert.Equal(rows * 8, output.Length);
        Assert.Equal(gatheredBytes, model.Batcher.Statistics.Snapshot().GatheredBytes);
    }

    [Fact]
    public async Task Execute_OutputOfUnknownSize_HasTheSizeThatItTurnsOutToHave()
    {
        await using TestRepository repository = await new TestRepository().Add("nonzero", "nonzero").LoadAsync();
        ModelStatus status = repository.Status("nonzero");
        Assert.True(status.State == ModelState.Ready, status.Reason);
        long[] shape = [.. status.Model!.Inputs[0].ClientDims.Dims.ToArray().Select(dim => dim < 0 ? 4 : dim)];
        float[] values = new float[shape.Aggregate(1L, (product, dim) => product * dim)];
        values[1] = 1;
        values[2] = 1;
        using InferenceRequest request = repository.Request("nonzero", (shape, MemoryMarshal.AsBytes<float>(values).ToArray()));

        await status.Model.InferAsync(request);

        Assert.True(request.Status == StatusCode.Ok, request.Error);
        Assert.Equal(2, request.Outputs[0].Shape.Dims[^1]);
    }

    [Fact]
    public async Task Load_BrokenModelBesideGoodOnes_IsUnavailableWithItsReason()
    {
        await using TestRepository repository = await new TestRepository()
            .Add("good", "matmul")
            .Add("damaged", "damaged")
            .Add("typo", "matmul", "max_batch_sise: 8")
            .Add("mismatch", "matmul", """max_batch_size: 8 input [ { name: "nobody" data_type: TYPE_FP32 dims: [ 4 ] } ]""")
            .Add("huge", "matmul", "max_batch_size: 2147483647")
            .Add("warm", "add", """
                max_batch_size: 2
                model_warmup { name: "w" batch_size: 1 inputs [
                  { key: "a" value { data_type: TYPE_FP32 dims: [ 1000000000000 ] zero_data: true } },
                  { key: "b" value { data_type: TYPE_FP32 dims: [ 1000000000000 ] zero_data: true } } ] }
                """)
            .LoadAsync();

        Assert.Equal(ModelState.Ready, repository.Status("good").State);
        Assert.All(["damaged", "typo", "mismatch", "huge", "warm"], name => Assert.Equal(ModelState.Unavailable, repository.Status(name).State));
        Assert.Contains("config.pbtxt:1:1", repository.Status("typo").Reason, StringComparison.Ordinal);
        Assert.Contains("nobody", repository.Status("mismatch").Reason, StringComparison.Ordinal);
        Assert.False(repository.Catalog.AreAllReady);
    }

    [Fact]
    public async Task Load_CudaWhereThereIsNone_SaysWhatIsMissing()
    {
        await using TestRepository repository = await new TestRepository().Add("gpu", "matmul", "instance_group [ { kind: KIND_GPU count: 1 } ]").LoadAsync();

        ModelStatus status = repository.Status("gpu");
        if (status.State == ModelState.Ready) return; // This machine has CUDA and the provider's files.
        Assert.Contains("libonnxruntime_providers", status.Reason, StringComparison.Ordinal);
    }

    private static async Task<float[]> RunAsync(TestRepository repository, ServedModel model, int rows, int width, int seed)
    {
        float[] values = [.. Enumerable.Range(0, rows * width).Select(i => (float)((i * 31) + (seed * 17)) % 101)];
        using InferenceRequest request = repository.Request(model.Name, ([rows, width], MemoryMarshal.AsBytes<float>(values).ToArray()));
        await model.InferAsync(request);
        Assert.True(request.Status == StatusCode.Ok, request.Error);
        return MemoryMarshal.Cast<byte, float>(request.Outputs[0].Bytes).ToArray();
    }
}
