using Gateway.Core.Models;

namespace Gateway.Core.Execution;

/// <summary>What turns a model version's files into something that runs: ONNX Runtime, or another server.</summary>
/// <remarks><b>Threading</b>: any thread; loads of different models may overlap.</remarks>
public interface IExecutionBackend
{
    /// <summary>Its name in a model configuration, such as <c>onnxruntime</c>.</summary>
    string Name { get; }

    /// <summary>Reads the inputs and outputs that a model file has, without making it ready to run.</summary>
    /// <exception cref="ModelLoadException">The file cannot be read.</exception>
    ILoadedModel Load(ModelSource source);
}
