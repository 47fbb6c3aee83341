namespace Gateway.Core.Models.Configuration;

/// <summary>An ONNX Runtime execution provider a model asks for.</summary>
/// <param name="Name">One of the constants of this type.</param>
/// <param name="Parameters">The parameters as written, by Triton's keys.</param>
/// <param name="ProviderOptions">The same by ONNX Runtime's option names, ready for the provider.</param>
public sealed record ExecutionAccelerator(
    string Name, IReadOnlyDictionary<string, string> Parameters, IReadOnlyDictionary<string, string> ProviderOptions)
{
    public const string TensorRt = "tensorrt";
    public const string Cuda = "cuda";

    /// <summary>Not among Triton's: a GPU through ONNX Runtime's WebGPU provider.</summary>
    public const string WebGpu = "webgpu";

    /// <summary>Not among Triton's either: at the end of a chain, the CPU when none of the others can be had.</summary>
    public const string Cpu = "cpu";
}
