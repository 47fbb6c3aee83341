using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;

namespace Gateway.Core.Execution;

/// <summary>A model version's file, read by a backend: what it takes and gives, and where instances come from.</summary>
/// <remarks><b>Threading</b>: any thread. <b>Ownership</b>: outlives its executors; whoever loaded it disposes it after them.</remarks>
public interface ILoadedModel : IDisposable
{
    ModelSignature Signature { get; }

    /// <summary>Where its instances run, for people: <c>CPU, 1 thread</c>.</summary>
    string Device { get; }

    /// <summary>What tells it from others with the same files and configuration; empty where these say it all.</summary>
    byte[] Identity => [];

    /// <summary>Makes one instance: one executor, or on a device that has several batches under way at once, one for each of them.</summary>
    /// <param name="layout">The model's tensors, checked against <see cref="Signature"/>; the same for all instances.</param>
    /// <param name="group">Where the instance is to run.</param>
    /// <param name="instances">How many instances there will be in all, for choices such as threads.</param>
    /// <exception cref="ModelLoadException">The instance cannot be made.</exception>
    IReadOnlyList<IModelExecutor> CreateExecutors(ModelLayout layout, InstanceGroup group, int instances);
}
