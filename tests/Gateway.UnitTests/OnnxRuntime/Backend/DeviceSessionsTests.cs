using Gateway.Core.Execution;
using Gateway.Core.Execution.Devices;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.OnnxRuntime.Backend;
using Gateway.TestSupport;
using Gateway.UnitTests.Execution;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gateway.UnitTests.OnnxRuntime.Backend;

/// <summary>Which sessions a model has, where its instances are on a device. Needs one.</summary>
[Collection(OrtTests.Name)]
public sealed class DeviceSessionsTests : IDisposable
{
    private static readonly InstanceGroup OnDevice = new() { Name = "device", Kind = InstanceKind.Gpu, Count = 1 };
    private static readonly InstanceGroup OnCpu = new() { Name = "cpu", Kind = InstanceKind.Cpu, Count = 1 };

    private readonly OrtFixture _fixture;
    private readonly BlockPool _pool = new(64 << 20, lockPages: false);
    private ModelSource? _source;
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gateway-sessions-");

    public DeviceSessionsTests(OrtFixture fixture)
    {
        _fixture = fixture;
        Assert.SkipWhen(VulkanDevice.Missing is not null, VulkanDevice.Missing ?? "");
    }

    public void Dispose()
    {
        _pool.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public void AllOnADevice_TheCpuKeepsNoWeights()
    {
        using OnnxModel model = Open(OnnxFile.Linear(2, 1, 8), OnDevice);
        Assert.Equal(["CPU"], model.SessionDevices);

        foreach (IModelExecutor executor in Create(model, OnDevice)) executor.Dispose();

        Assert.Equal(["WebGPU"], model.SessionDevices);
    }

    [Fact]
    public void OneOnTheCpuToo_KeepsItsSession()
    {
        using OnnxModel model = Open(OnnxFile.Linear(2, 1, 8), OnCpu, OnDevice);

        IModelExecutor[] executors = [.. Create(model, OnCpu), .. Create(model, OnDevice)];

        Assert.Equal(["CPU", "WebGPU"], model.SessionDevices.Order());
        foreach (IModelExecutor executor in executors) executor.Dispose();
    }

    [Fact]
    public void OperatorThatTheCpuHasNot_IsReadFromTheDevice()
    {
        using OnnxModel model = Open(OnnxFile.ForDevices(1), OnDevice);

        Assert.Equal("x", Assert.Single(model.Signature.Inputs).Name);
        IReadOnlyList<IModelExecutor> executors = Create(model, OnDevice);
        executors[0].Prepare(2);
        foreach (IModelExecutor executor in executors) executor.Dispose();
    }

    [Fact]
    public void OperatorThatTheCpuHasNot_AndAnInstanceThere_IsRefused() =>
        Assert.Throws<ModelLoadException>(() => Open(OnnxFile.ForDevices(1), OnDevice, OnCpu));

    private OnnxModel Open(byte[] file, params InstanceGroup[] groups)
    {
        string version = _folder.CreateSubdirectory("1").FullName;
        string path = Path.Combine(version, "model.onnx");
        File.WriteAllBytes(path, file);
        Dictionary<string, string> none = [];
        ModelConfig config = new()
        {
            Name = "m",
            MaxBatchSize = 4,
            InstanceGroups = groups,
            Optimization = new OptimizationPolicy { GpuAccelerators = [new ExecutionAccelerator(ExecutionAccelerator.WebGpu, none, none)] },
        };
        _source = new ModelSource("m", 1, _folder.FullName, path, config);
        return new OnnxModel(_source, _fixture.Environment, _pool, TimeProvider.System, NullLogger.Instance, new DeviceMemory(DeviceMemoryLimits.None));
    }

    private IReadOnlyList<IModelExecutor> Create(OnnxModel model, InstanceGroup group) => model.CreateExecutors(ModelLayoutBuilder.Build(_source!, model.Signature), group, instances: 1);

}
