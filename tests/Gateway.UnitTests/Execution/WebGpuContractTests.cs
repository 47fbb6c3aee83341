namespace Gateway.UnitTests.Execution;

[Collection(OnnxRuntime.OrtTests.Name)]
public sealed class WebGpuContractTests : ExecutionContract
{
    protected override string Provider => "webgpu";

    protected override string Instances =>
        """
        instance_group [ { kind: KIND_GPU count: 1 } ]
        optimization { execution_accelerators { gpu_execution_accelerator [ { name: "webgpu" } ] } }
        """;

    // Where the device is software, each tile takes it seconds.
    protected override int MostRows(string name) => name == "denoise" ? 2 : 4;

    protected override void RequireDevice() => Assert.SkipWhen(VulkanDevice.Missing is not null, VulkanDevice.Missing ?? "");
}
