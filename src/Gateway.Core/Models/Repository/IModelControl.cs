using Gateway.Protocol;

namespace Gateway.Core.Models.Repository;

/// <summary>Loads and unloads models on request; what the model repository extension of every protocol is made of.</summary>
/// <remarks><b>Threading</b>: any thread. Calls for one model take turns, in the order in which they came; those for different models go side by side.</remarks>
public interface IModelControl
{
    /// <summary>All models: those that are or were served, and those that only lie in a repository (version 0, state Unknown).</summary>
    /// <param name="readyOnly">Whether to leave out what is not ready.</param>
    IReadOnlyList<ModelStatus> Index(bool readyOnly);

    /// <summary>Loads a model, or loads it again if its files have changed; returns when it is served. Whatever goes wrong, what was served before still is.</summary>
    /// <param name="given">What to use instead of what lies in the repository; null for nothing.</param>
    /// <exception cref="InferenceException">The mode is not explicit, or the model cannot be loaded; the texts are Triton's.</exception>
    Task LoadAsync(string model, LoadOverride? given = null);

    /// <summary>Unloads a model; returns when no further request can reach it. Requests in flight finish. One that is not loaded is left so.</summary>
    /// <exception cref="InferenceException">The mode is not explicit.</exception>
    Task UnloadAsync(string model);
}
