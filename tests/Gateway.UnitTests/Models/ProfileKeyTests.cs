using Gateway.Core.Execution;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;

namespace Gateway.UnitTests.Models;

public sealed class ProfileKeyTests
{
    private static readonly ExecutionPlacement Placement = new("cuda", "GPU 0 (CUDA)", [], []);

    /// <summary>Written in either of the two places that Triton has for them.</summary>
    [Fact]
    public void Of_CudaOptions_AreInIt()
    {
        Dictionary<string, string> options = new() { ["use_tf32"] = "0" };
        Dictionary<string, string> none = [];
        ModelConfig plain = new() { Name = "m" };
        ModelConfig above = plain with { OnnxRuntime = plain.OnnxRuntime with { CudaProviderOptions = options } };
        ModelConfig within = plain with { Optimization = plain.Optimization with { GpuAccelerators = [new ExecutionAccelerator(ExecutionAccelerator.Cuda, none, options)] } };

        Assert.NotEqual(Key(plain), Key(above));
        Assert.NotEqual(Key(plain), Key(within));
        Assert.Equal(Key(above), Key(above with { Name = "other" }));
    }

    /// <summary>The backend is among them: its library, the kind of processor, the GPUs and their driver.</summary>
    [Fact]
    public void Of_OtherFilesOrBackend_IsAnother() => Assert.NotEqual(Key(new ModelConfig { Name = "m" }, 1), Key(new ModelConfig { Name = "m" }, 2));

    private static ProfileKey Key(ModelConfig config, byte files = 0) => ProfileKey.Of(new ModelSource("m", 1, "nowhere", "nowhere/model.onnx", config), [files], Placement, 8, [1, 2, 4, 8]);
}
