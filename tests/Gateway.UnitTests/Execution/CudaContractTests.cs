using System.Runtime.InteropServices;
using Gateway.OnnxRuntime.Errors;
using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Sessions;
using Gateway.OnnxRuntime.Values;
using Gateway.Protocol.Tensors;
using Gateway.UnitTests.Models;
using Gateway.UnitTests.OnnxRuntime;

namespace Gateway.UnitTests.Execution;

[Collection(OnnxRuntime.OrtTests.Name)]
public sealed class CudaContractTests(OrtFixture ort) : ExecutionContract
{
    private static readonly Lazy<string?> WhyNone = new(Look);

    protected override string Provider => "cuda";

    protected override string Instances => "instance_group [ { kind: KIND_GPU count: 1 } ]";

    protected override string ExactInstances =>
        """
        instance_group [ { kind: KIND_GPU count: 1 } ]
        optimization { execution_accelerators { gpu_execution_accelerator [ { name: "cuda" parameters { key: "use_tf32" value: "0" } } ] } }
        """;

    protected override void RequireDevice() => Assert.SkipWhen(WhyNone.Value is not null, WhyNone.Value ?? "");

    /// <summary>A recorded graph has the addresses of one slot in it, and the thread that recorded it: each batch must still be of its own rows, whoever runs it.</summary>
    [Fact]
    public async Task RecordedGraphs_AnswerAsRunsDo()
    {
        const string Graphs = """optimization { cuda { graphs: true } }""";
        await using TestRepository repository = await LoadAsync("matmul", "matmul", $"max_batch_size: 8 dynamic_batching {{ }} {Graphs}");
        for (int i = 0; i < 60; i++)
        {
            int rows = 1 + (i % 8);
            float[] input = Rows(rows, seed: i);
            Assert.Equal(Product(input), await RunAsync(repository, "matmul", rows, input));
        }

        await Task.WhenAll(Enumerable.Range(0, 300).Select(i => Task.Run(async () =>
        {
            int rows = 1 + (i % 8);
            float[] input = Rows(rows, seed: i);
            Assert.Equal(Product(input), await RunAsync(repository, "matmul", rows, input));
        })));
    }

    [Theory]
    [MemberData(nameof(SampleModels))]
    public async Task SampleModels_OnTensorCores_AgreeWithTheCpu(string name)
    {
        RequireDevice();
        await using DeviceComparison comparison = await DeviceComparison.OfAsync(name, Instances, MostRows, DeviceComparison.TensorCores);

        foreach (int rows in new[] { 1, 3, comparison.MaxBatchRows }) await comparison.AssertAgreesAsync(rows, seed: rows);
    }

    [Fact]
    public void PageLockedMemory_IsCopiedThereAndBack()
    {
        RequireDevice();
        const int Count = 1 << 20;
        using OrtSession session = ort.Load("matmul", options => options.AddProvider(OrtProviders.Cuda));
        using OrtBuffer there = session.GetAllocator(OrtMemoryInfo.Cuda()).Allocate(Count * sizeof(float));
        using OrtBuffer from = session.GetAllocator(OrtMemoryInfo.CudaPinned()).Allocate(Count * sizeof(float));
        using OrtBuffer back = session.GetAllocator(OrtMemoryInfo.CudaPinned()).Allocate(Count * sizeof(float));
        Span<float> sent = Values(from);
        for (int i = 0; i < sent.Length; i++) sent[i] = i;
        Values(back).Clear();

        using (OrtTensorCopy upload = new(ort.Environment, [(Over(OrtMemoryInfo.Cpu, from), Over(OrtMemoryInfo.Cuda(), there))])) upload.Run();
        using (OrtTensorCopy download = new(ort.Environment, [(Over(OrtMemoryInfo.Cuda(), there), Over(OrtMemoryInfo.Cpu, back))])) download.Run();

        Assert.True(Values(back).SequenceEqual(sent));

        static OrtValue Over(OrtMemoryInfo memory, OrtBuffer buffer) => OrtValue.OverMemory(memory, buffer.Data, buffer.ByteLength, [Count], DataType.Fp32);

        static unsafe Span<float> Values(OrtBuffer buffer) => MemoryMarshal.Cast<byte, float>(new Span<byte>((void*)buffer.Data, (int)buffer.ByteLength));
    }

    private static string? Look()
    {
        // Asked for without its files the provider writes an error to the log.
        if (!OrtProviders.HasFilesOf(OrtProviders.Cuda)) return "the files of the CUDA provider are not beside ONNX Runtime's library (native/README.md)";
        try
        {
            using OrtSessionOptions options = new();
            options.AddProvider(OrtProviders.Cuda);
            return null;
        }
        catch (OrtException error)
        {
            return error.Message;
        }
    }
}
