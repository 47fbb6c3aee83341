using Gateway.Core.Caching;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Scheduling;
using Gateway.UnitTests.Hosting;

namespace Gateway.UnitTests.Caching;

public sealed class LoadGenerationTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("generation").FullName;
    private readonly CacheSecret _secret = CacheSecret.Random();
    private readonly BlockPool _pool = new(1 << 20, lockPages: false);

    public void Dispose()
    {
        _pool.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Threads_ChosenByMeasuring_ChangeNothing() =>
        Assert.Equal(await OfAsync(On("cpu", "CPU, 1 thread")), await OfAsync(On("cpu", "CPU, 2 threads"), On("cpu", "CPU, 2 threads")));

    [Fact]
    public async Task Device_Another_IsAnother()
    {
        HashSet<UInt128> all = [await OfAsync(On("cpu", "CPU, 1 thread")), await OfAsync(On("cuda", "GPU 0 (CUDA)")), await OfAsync(On("cuda", "GPU 1 (CUDA)")), await OfAsync(On("webgpu", "WebGPU"))];

        Assert.Equal(4, all.Count);
    }

    [Fact]
    public async Task ConfigurationFile_Another_IsAnother()
    {
        ExecutionPlacement cpu = On("cpu", "CPU, 1 thread");
        UInt128 before = await OfAsync(cpu);
        await File.WriteAllTextAsync(Path.Combine(_folder, "gateway.json"), "{}", TestContext.Current.CancellationToken);

        Assert.NotEqual(before, await OfAsync(cpu));
    }

    private static ExecutionPlacement On(string provider, string device) => new(provider, device, [], []);

    private async Task<UInt128> OfAsync(params ExecutionPlacement[] placements)
    {
        (ServedModel model, DynamicBatcher batcher) = TestModels.Make("m", _pool, new BatchingPolicy { MaxBatchRows = 1 }, _ => { });
        await using DynamicBatcher owned = batcher;
        ServedModel placed = new(model.Layout, model.Device, batcher) { Placements = placements };
        return LoadGeneration.Of(_secret.ForFiles, new ModelSource("m", 1, _folder, Path.Combine(_folder, "model.onnx"), null), placed);
    }
}
