using Gateway.Core.Execution.Devices;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.OnnxRuntime.Backend.Devices;
using Gateway.OnnxRuntime.Sessions;
using Gateway.Protocol.Tensors;
using Gateway.TestSupport;
using Gateway.UnitTests.Models;

namespace Gateway.UnitTests.OnnxRuntime.Backend;

[Collection(OrtTests.Name)]
public sealed class DeviceNeedsTests
{
    private const string WebGpuOrCpu = """
        max_batch_size: 8 dynamic_batching { }
        instance_group [ { kind: KIND_GPU count: 1 } ]
        optimization { execution_accelerators { gpu_execution_accelerator [ { name: "webgpu" }, { name: "cpu" } ] } }
        """;

    private static readonly ModelLayout Layout = new("m", 1, new ModelConfig { Name = "m", MaxBatchSize = 10 }, [TestModelSetup.Tensor("x", DataType.Fp32, 3)], [TestModelSetup.Tensor("y", DataType.Int64, 2)]);

    [Fact]
    public void OfSlots_OneMoreThanBatchesUnderWay() => Assert.Equal((3 + 1) * 10 * ((3 * 4) + (2 * 8)), DeviceNeeds.OfSlots(Layout, lanes: 3));

    [Fact]
    public void OfWeights_ExternalDataIncluded()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("weights");
        File.WriteAllBytes(Path.Combine(folder.FullName, "model.onnx"), new byte[10]);
        File.WriteAllBytes(Path.Combine(folder.FullName, "weights.bin"), new byte[1000]);

        Assert.Equal(1010, DeviceNeeds.OfWeights(new ModelSource("m", 1, folder.FullName, Path.Combine(folder.FullName, "model.onnx"), null)));

        folder.Delete(recursive: true);
    }

    [Fact]
    public void Of_ModelSaysWhatItsArenaMayHave_IsThat()
    {
        ModelSource source = new("m", 1, "nowhere", "nowhere/model.onnx", null);

        Assert.Equal(500, DeviceNeeds.Of(source, Layout, Cuda(("gpu_mem_limit", "500")), isFirst: true));
        Assert.Equal(0, DeviceNeeds.Of(source, Layout, Cuda(("gpu_mem_limit", "500")), isFirst: false));
    }

    [Fact]
    public void Within_ModelSaysNothing_CudaHasWhatIsLeft()
    {
        Assert.Equal(800, Cuda().Within(800).ArenaLimit);
        Assert.Equal(500, Cuda(("gpu_mem_limit", "500")).Within(800).ArenaLimit);
        Assert.Null(new ProviderChoice("webgpu", [(OrtProviders.WebGpu, new Dictionary<string, string>())], 0).Within(800).ArenaLimit);
    }

    [Fact]
    public async Task Load_NoRoomOnTheDevice_GoesOnAlongItsChain()
    {
        Assert.Null(DeviceMemoryLimits.Parse(["1"], out DeviceMemoryLimits limits));
        DeviceMemory memory = new(limits);
        await using TestRepository repository = new(memory);
        await repository.Add("matmul", "matmul", WebGpuOrCpu).LoadAsync();

        ModelStatus status = repository.Status("matmul");

        Assert.Equal("cpu", status.Model?.Placements[0].Provider);
        Assert.Contains("of which models may take 1 together", status.Model!.Placements[0].Refused[0], StringComparison.Ordinal);
        Assert.Empty(memory.Usage);
    }

    [Fact]
    public async Task Load_OnTheDevice_IsCountedUntilItIsGone()
    {
        Assert.SkipWhen(Execution.VulkanDevice.Missing is not null, Execution.VulkanDevice.Missing ?? "");
        DeviceMemory memory = new(DeviceMemoryLimits.None);
        await using (TestRepository repository = new(memory))
        {
            await repository.Add("matmul", "matmul", WebGpuOrCpu).LoadAsync();

            Assert.Equal("webgpu", repository.Status("matmul").Model?.Placements[0].Provider);
            (int device, string model, long version, long bytes) = Assert.Single(memory.Usage);
            Assert.Equal((0, "matmul", 1), (device, model, version));

            // Two slots of eight rows of 16 numbers in and 8 or more out, and the file.
            Assert.True(bytes > 2 * 8 * 16 * sizeof(float));
        }

        Assert.Empty(memory.Usage);
    }

    private static ProviderChoice Cuda(params (string Key, string Value)[] options) => new("cuda", [(OrtProviders.Cuda, options.ToDictionary(each => each.Key, each => each.Value))], 0);
}
