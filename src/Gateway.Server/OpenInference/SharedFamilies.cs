using Gateway.Core.Memory.Shared;
using Gateway.Protocol;

namespace Gateway.Server.OpenInference;

/// <summary>The two families of shared memory that the protocol has, the system's and CUDA's, as calls of either protocol see them; the texts are Triton's.</summary>
/// <remarks>No process here shares memory of a CUDA device: every region that there is, is the system's.</remarks>
internal sealed class SharedFamilies(SharedRegions regions)
{
    /// <summary>The system's region of that name; all of them for none.</summary>
    /// <exception cref="InferenceException">There is none of that name.</exception>
    public IReadOnlyList<SharedRegion> System(string name)
    {
        if (name.Length == 0) return regions.All();
        return regions.Find(name) is { } region ? [region] : throw NotFound("system", name);
    }

    /// <summary>Forgets the system's region of that name, or all of them for none.</summary>
    public void Unregister(string name)
    {
        if (name.Length == 0) regions.UnregisterAll();
        else regions.Unregister(name);
    }

    /// <summary>Looks for CUDA's region of that name; none asks for all, of which there are none.</summary>
    public void CheckCuda(string name)
    {
        if (name.Length == 0) return;
        if (regions.Find(name) is not null) throw new InferenceException(StatusCode.NotFound, $"The region named '{name}' is registered as system shared memory, not CUDA shared memory");
        throw NotFound("cuda", name);
    }

    /// <summary>Why memory of a CUDA device cannot be registered. Triton's text, whose status says that the client has made a mistake; here it is the server that cannot.</summary>
    public InferenceException NoCuda(string name)
    {
        regions.CheckAllowed();
        return name.Length == 0
            ? Errors.Invalid("'region name' is necessary to register cuda shared memory region")
            : Errors.Unsupported($"failed to register CUDA shared memory region: '{name}', GPUs not supported");
    }

    private static InferenceException NotFound(string family, string name) => new(StatusCode.NotFound, $"Unable to find {family} shared memory region: '{name}'");
}
