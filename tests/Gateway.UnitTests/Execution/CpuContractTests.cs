namespace Gateway.UnitTests.Execution;

[Collection(OnnxRuntime.OrtTests.Name)]
public sealed class CpuContractTests : ExecutionContract
{
    protected override string Provider => "cpu";

    protected override string Instances => "instance_group [ { kind: KIND_CPU count: 1 } ]";

    protected override void RequireDevice()
    {
    }
}
