using Gateway.Core.Execution;
using Gateway.Core.Models.Configuration;
using Gateway.OnnxRuntime.Backend.Devices;

namespace Gateway.UnitTests.OnnxRuntime.Backend;

public sealed class ProviderChainTests
{
    [Theory]
    [InlineData(InstanceKind.Cpu, "", "cpu")]
    [InlineData(InstanceKind.Cpu, "webgpu", "cpu")]
    [InlineData(InstanceKind.Gpu, "", "cuda:CUDA")]
    [InlineData(InstanceKind.Gpu, "tensorrt", "tensorrt:TensorRT+CUDA")]
    [InlineData(InstanceKind.Gpu, "cuda", "cuda:CUDA")]
    [InlineData(InstanceKind.Gpu, "tensorrt cuda", "tensorrt:TensorRT+CUDA")]
    [InlineData(InstanceKind.Gpu, "webgpu", "webgpu:WebGPU")]
    [InlineData(InstanceKind.Gpu, "cuda webgpu cpu", "cuda:CUDA webgpu:WebGPU cpu")]
    [InlineData(InstanceKind.Gpu, "webgpu tensorrt", "webgpu:WebGPU tensorrt:TensorRT+CUDA")]
    [InlineData(InstanceKind.Auto, "webgpu", "webgpu:WebGPU cpu")]
    [InlineData(InstanceKind.Auto, "webgpu cpu", "webgpu:WebGPU cpu")]
    public void For_KindAndAccelerators_IsTriedInThatOrder(InstanceKind kind, string accelerators, string expected) =>
        Assert.Equal(expected, string.Join(' ', Chain(kind, accelerators, gpu: 0).Select(Describe)));

    [Fact]
    public void For_GpuOfANumber_IsPassedToCuda()
    {
        ProviderChoice choice = Assert.Single(Chain(InstanceKind.Gpu, "tensorrt", gpu: 3));

        Assert.All(choice.Providers, provider => Assert.Equal("3", provider.Options["device_id"]));
    }

    [Fact]
    public void For_WebGpuOfANumber_IsRefused() =>
        Assert.Contains("no GPU 1", Assert.Throws<ModelLoadException>(() => Chain(InstanceKind.Gpu, "webgpu", gpu: 1)).Message, StringComparison.Ordinal);

    private static IReadOnlyList<ProviderChoice> Chain(InstanceKind kind, string accelerators, int gpu)
    {
        Dictionary<string, string> none = [];
        ExecutionAccelerator[] all = [.. accelerators.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(name => new ExecutionAccelerator(name, none, none))];
        ModelConfig config = new() { Name = "m", Optimization = new OptimizationPolicy { GpuAccelerators = all } };
        return ProviderChain.For(config, new InstanceGroup { Kind = kind, Gpus = [gpu] });
    }

    private static string Describe(ProviderChoice choice) => choice.IsCpu ? choice.Name : $"{choice.Name}:{string.Join('+', choice.Providers.Select(provider => provider.Name))}";
}
