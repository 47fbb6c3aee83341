using Gateway.Core.Memory.Shared;
using Gateway.Core.Memory.Shared.Cuda;
using Gateway.Protocol;

namespace Gateway.Server.OpenInference;

/// <summary>The two families of shared memory that the protocol has, the system's and CUDA's, as calls of either protocol see them; the texts are Triton's.</summary>
internal sealed class SharedFamilies(SharedRegions regions)
{
    /// <summary>The system's region of that name; all of them for none.</summary>
    /// <exception cref="InferenceException">There is none of that name.</exception>
    public IReadOnlyList<SystemRegion> System(string name)
    {
        if (name.Length == 0) return regions.All<SystemRegion>();
        return regions.Find(name) switch
        {
            SystemRegion region => [region],
            null => throw NotFound($"Unable to find system shared memory region: '{name}'"),
            _ => throw NotFound($"The region named '{name}' is registered as CUDA shared memory, not system shared memory"),
        };
    }

    /// <summary>CUDA's region of that name; all of them for none.</summary>
    /// <exception cref="InferenceException">There is none of that name.</exception>
    public IReadOnlyList<CudaRegion> Cuda(string name)
    {
        if (name.Length == 0) return regions.All<CudaRegion>();
        return regions.Find(name) switch
        {
            CudaRegion region => [region],
            null => throw NotFound($"Unable to find cuda shared memory region: '{name}'"),
            _ => throw NotFound($"The region named '{name}' is registered as system shared memory, not CUDA shared memory"),
        };
    }

    /// <summary>Forgets the family's region of that name, or all of them for none.</summary>
    public void Unregister<T>(string name)
        where T : SharedRegion
    {
        if (name.Length == 0) regions.UnregisterAll<T>();
        else regions.Unregister<T>(name);
    }

    private static InferenceException NotFound(string text) => new(StatusCode.NotFound, text);
}
