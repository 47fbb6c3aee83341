using Gateway.Benchmarks.Frames;
using Gateway.Benchmarks.Grpc;
using Gateway.Benchmarks.Memory;
using Gateway.Benchmarks.MessagePack;
using Gateway.Benchmarks.OnnxRuntime;
using Gateway.Benchmarks.OpenInference;
using Gateway.Benchmarks.Scheduling;

namespace Gateway.Benchmarks.Allocations;

/// <summary>Something of the request path whose managed allocation has a budget.</summary>
/// <param name="Name">Its name in <c>allocation-budgets.json</c>.</param>
/// <param name="Operations">Operations that one call of <paramref name="Invoke"/> makes.</param>
/// <param name="Invoke">Does it.</param>
/// <param name="CleanUp">Called once, at the end.</param>
internal sealed record AllocationCase(string Name, int Operations, Func<Task> Invoke, Func<Task> CleanUp)
{
    /// <summary>Sets up every case, from the benchmarks of the same code.</summary>
    public static IEnumerable<AllocationCase> All()
    {
        // What one benchmark call makes.
        const int Operations = 64;
        BatchFormerBenchmarks former = new() { ShapeKeys = 16 };
        former.Setup();
        yield return new AllocationCase("BatchFormer.Decide", Operations, Synchronously(() => former.DecideTakeRefill()), Nothing);

        FairSharingBenchmarks sharing = new();
        sharing.Setup();
        yield return new AllocationCase("FairSharing.AdmitDecide", 16 * Operations, Synchronously(() => sharing.AdmitDecide()), Nothing);
        yield return new AllocationCase("Tenant.EnterLeave", 1, Synchronously(() => sharing.EnterLeave()), Nothing);

        BlockPoolBenchmarks pool = new();
        pool.Setup();
        yield return new AllocationCase("BlockPool.RentRelease", Operations, Synchronously(() => pool.RentRelease()), Synchronously(pool.CleanUp));

        DynamicBatcherBenchmarks batcher = new();
        batcher.Setup();
        yield return new AllocationCase("DynamicBatcher.OneByOne", Operations, batcher.OneByOneAsync, Nothing);
        yield return new AllocationCase("DynamicBatcher.AllAtOnce", Operations, batcher.AllAtOnceAsync, batcher.CleanUpAsync);

        OnnxExecutorBenchmarks executor = new();
        executor.Setup();
        yield return new AllocationCase("OrtSession.Run", 1, Synchronously(executor.BareBoundRun), Nothing);
        yield return new AllocationCase("OnnxExecutor.Execute", 1, Synchronously(executor.Execute), Synchronously(executor.CleanUp));

        TensorJsonBenchmarks json = new();
        json.Setup();
        yield return new AllocationCase("TensorJsonReader.ReadFixed", 1, Synchronously(json.TensorJson), Nothing);

        MessagePackBenchmarks message = new();
        message.Setup();
        yield return new AllocationCase("MessagePack.WriteRead", 1, Synchronously(() => message.WriteRead()), Nothing);

        InferMessageBenchmarks grpc = new();
        grpc.Setup();
        yield return new AllocationCase("Grpc.Read", 1, Synchronously(() => grpc.Read()), Nothing);

        FrameConnectionBenchmarks frames = new();
        frames.Setup();
        yield return new AllocationCase("FrameConnection.Pipelined", Operations, frames.PipelinedAsync, frames.CleanUpAsync);
    }

    private static Task Nothing() => Task.CompletedTask;

    private static Func<Task> Synchronously(Action action) => () =>
    {
        action();
        return Task.CompletedTask;
    };
}
