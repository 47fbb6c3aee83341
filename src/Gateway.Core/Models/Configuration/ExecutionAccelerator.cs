namespace Gateway.Core.Models.Configuration;

/// <summary>An ONNX Runtime execution provider a model asks for.</summary>
/// <param name="Name">One of the constants of this type.</param>
/// <param name="Parameters">The parameters as written, by Triton's keys.</param>
/// <param name="ProviderOptions">The same by ONNX Runtime's option names, ready for the provider.</param>
public sealed record ExecutionAccelerator(
    string Name, IReadOnlyDictionary<string, string> Parameters, IReadOnlyDictionary<string, string> ProviderOptions)
{
    /// <summary>Not among Triton's: the parameter that says how many batches an instance has under way at once, 1 to <see cref="MostLanes"/>.</summary>
    public const string LanesParameter = "lanes";

    /// <summary>One for each stage, and one more that is gathered meanwhile.</summary>
    public const int MostLanes = 4;

    public const string TensorRt = "tensorrt";
    public const string Cuda = "cuda";

    /// <summary>Not among Triton's: a GPU through ONNX Runtime's WebGPU provider.</summary>
    public const string WebGpu = "webgpu";

    /// <summary>Batches under way at once; null leaves the number to the engine.</summary>
    public int? Lanes => Parameters.TryGetValue(LanesParameter, out string? lanes) ? int.Parse(lanes, System.Globalization.CultureInfo.InvariantCulture) : null;

    /// <summary>Not among Triton's either: at the end of a chain, the CPU when none of the others can be had.</summary>
    public const string Cpu = "cpu";
}
