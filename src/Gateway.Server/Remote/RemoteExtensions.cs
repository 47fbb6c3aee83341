using Gateway.Server.Metrics;
using Gateway.Server.Overflow;
using Microsoft.Extensions.DependencyInjection;

namespace Gateway.Server.Remote;

/// <summary>Puts models that other servers run into this one.</summary>
public static class RemoteExtensions
{
    /// <summary>Registers <see cref="RemoteBackend"/>, for the repository to load from, and its metrics; the engine must be registered too.</summary>
    public static IServiceCollection AddRemoteModels(this IServiceCollection services) => services
        .AddPassage()
        .AddSingleton<RemoteBackend>()
        .AddSingleton<IMetricFamilies, RemoteFamilies>();
}
