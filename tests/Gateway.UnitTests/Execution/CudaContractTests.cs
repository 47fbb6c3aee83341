using System.Runtime.InteropServices;
using Gateway.Core.Requests;
using Gateway.OnnxRuntime.Cuda;
using Gateway.OnnxRuntime.Errors;
using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Sessions;
using Gateway.OnnxRuntime.Values;
using Gateway.Protocol;
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

    /// <summary>A day's worth of reloads must not end in a full device: what NVIDIA's driver says is free stays so, and no thread is left.</summary>
    [Fact]
    public async Task Reloads_WithGraphs_LeaveNoDeviceMemoryAndNoThreads()
    {
        RequireDevice();
        long freeBefore = 0;
        int threadsBefore = 0;
        for (int i = 0; i < 80; i++)
        {
            await using (TestRepository repository = await LoadAsync("matmul", "matmul", "max_batch_size: 64 dynamic_batching { }"))
            {
                float[] input = Rows(5, seed: i);
                Assert.Equal(Product(input), await RunAsync(repository, "matmul", 5, input));
            }

            if (i != 20) continue;
            freeBefore = FreeDeviceMemory();
            threadsBefore = System.Diagnostics.Process.GetCurrentProcess().Threads.Count;
        }

        Assert.InRange(freeBefore - FreeDeviceMemory(), long.MinValue, 4 << 20);
        Assert.InRange(System.Diagnostics.Process.GetCurrentProcess().Threads.Count - threadsBefore, int.MinValue, 8);
    }

    /// <summary>Recorded, random numbers would be the same in each batch.</summary>
    [Fact]
    public async Task RandomNumbers_AreOthersInEachBatch()
    {
        await using TestRepository repository = await LoadAsync("noise", "noise", "max_batch_size: 8 dynamic_batching { }");
        HashSet<float> seen = [];
        for (int i = 0; i < 20; i++)
        {
            using InferenceRequest request = repository.Request("noise", ([1, 2], new byte[2 * sizeof(float)]));
            await request.Model.InferAsync(request);
            Assert.True(request.Status == StatusCode.Ok, request.Error);
            seen.Add(MemoryMarshal.Cast<byte, float>(request.Outputs[0].Bytes)[0]);
        }

        Assert.Equal(20, seen.Count);
    }

    [Theory]
    [MemberData(nameof(SampleModels))]
    public async Task SampleModels_OnTensorCores_AgreeWithTheCpu(string name)
    {
        RequireDevice();
        await using DeviceComparison comparison = await DeviceComparison.OfAsync(name, Instances, MostRows(name), DeviceComparison.TensorCores);

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

    private static long FreeDeviceMemory()
    {
        nint library = NativeLibrary.Load("libcuda.so.1");
        MemoryInfo ask = Marshal.GetDelegateForFunctionPointer<MemoryInfo>(NativeLibrary.GetExport(library, "cuMemGetInfo_v2"));
        CudaDriver.Use(CudaDriver.Context(0));
        Assert.Equal(0, ask(out nuint free, out _));
        return (long)free;
    }

    private delegate int MemoryInfo(out nuint free, out nuint total);

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
