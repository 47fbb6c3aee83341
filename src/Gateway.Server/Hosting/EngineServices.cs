using Gateway.Core.Memory;
using Gateway.Core.Models;
using Microsoft.Extensions.DependencyInjection;

namespace Gateway.Server.Hosting;

/// <summary>Adds what everything else shares: settings, clock, memory pool, catalog.</summary>
public static class EngineServices
{
    public static IServiceCollection AddEngine(this IServiceCollection services, ServerOptions options, TimeProvider time) =>
        services
            .AddSingleton(options)
            .AddSingleton(time)
            .AddSingleton<ModelCatalog>()
            .AddSingleton(_ => new BlockPool(options.PinnedMemoryPoolByteSize));
}
