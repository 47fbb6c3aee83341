using Gateway.Core.Models;

namespace Gateway.Core.Execution;

/// <summary>Several backends as one: each model is loaded by the one that its configuration names.</summary>
/// <param name="backends">The first is that of models which name none.</param>
public sealed class ExecutionBackends(params IReadOnlyList<IExecutionBackend> backends) : IExecutionBackend
{
    public string Name => backends[0].Name;

    public ILoadedModel Load(ModelSource source)
    {
        string name = source.Declared?.BackendName ?? Name;
        foreach (IExecutionBackend backend in backends)
        {
            if (backend.Name == name) return backend.Load(source);
        }

        throw new ModelLoadException($"there is no backend '{name}' in this server");
    }
}
