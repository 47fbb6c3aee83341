using Gateway.OnnxRuntime.Errors;
using Gateway.OnnxRuntime.Sessions;

namespace Gateway.UnitTests.Execution;

[Collection(OnnxRuntime.OrtTests.Name)]
public sealed class CudaContractTests : ExecutionContract
{
    private static readonly Lazy<string?> WhyNone = new(Look);

    protected override string Provider => "cuda";

    protected override string Instances => "instance_group [ { kind: KIND_GPU count: 1 } ]";

    protected override void RequireDevice() => Assert.SkipWhen(WhyNone.Value is not null, WhyNone.Value ?? "");

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
