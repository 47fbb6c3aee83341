using Gateway.Core.Models.Configuration;
using Gateway.OnnxRuntime.Backend.Compiled;
using Gateway.OnnxRuntime.Backend.Devices;
using Gateway.OnnxRuntime.Sessions;

namespace Gateway.UnitTests.OnnxRuntime.Backend.Compiled;

[Collection(OrtTests.Name)]
public sealed class CompiledKeyTests
{
    private static readonly ProviderChoice Cuda = new("cuda", [(OrtProviders.Cuda, new Dictionary<string, string> { ["device_id"] = "1", ["use_tf32"] = "0" })], Gpu: 1);

    [Fact]
    public void Of_AnyProvider_NamesTheKindOfMachineAndNotTheMachine()
    {
        Assert.Equal(Processor.Identity, KeyFor(ProviderChoice.Cpu).Machine);
        Assert.Equal(Processor.Identity, KeyFor(Cuda).Machine);
    }

    [Fact]
    public void WhyNot_OtherDeviceWithOtherMemoryLeft_Holds()
    {
        ProviderChoice other = (Cuda with { Gpu = 0, Providers = [(OrtProviders.Cuda, new Dictionary<string, string> { ["device_id"] = "0", ["use_tf32"] = "0" })] }).Within(1 << 30);

        Assert.Null(KeyFor(Cuda).WhyNot(KeyFor(other)));
    }

    [Fact]
    public void WhyNot_OtherOptions_NamesThem()
    {
        ProviderChoice other = Cuda with { Providers = [(OrtProviders.Cuda, new Dictionary<string, string> { ["use_tf32"] = "1" })] };

        Assert.Equal("it was made for CUDA use_tf32=0, and this is CUDA use_tf32=1", KeyFor(Cuda).WhyNot(KeyFor(other)));
    }

    private static CompiledKey KeyFor(ProviderChoice choice) => CompiledKey.Of([1, 2, 3], new ModelConfig { Name = "m" }, choice);
}
