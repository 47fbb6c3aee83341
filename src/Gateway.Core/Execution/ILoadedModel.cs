using Gateway.Core.Models;

namespace Gateway.Core.Execution;

/// <summary>A model version's file, read by a backend: what it takes and gives, and where instances come from.</summary>
/// <remarks><b>Threading</b>: any thread. <b>Ownership</b>: outlives its executors; whoever loaded it disposes it after them.</remarks>
public interface ILoadedModel : IDisposable
{
    ModelSignature Signature { get; }

    /// <summary>Where it runs, for people: <c>CPU, 1 thread</c>.</summary>
    string Device { get; }

    /// <summary>Makes one instance.</summary>
    /// <param name="model">The served model, whose inputs and outputs have been checked against <see cref="Signature"/>.</param>
    /// <exception cref="ModelLoadException">The instance cannot be made.</exception>
    IModelExecutor CreateExecutor(ModelLayout model);
}
