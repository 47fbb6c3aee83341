using Gateway.Core.Memory;
using Gateway.Core.Memory.Shared;
using Gateway.Core.Models;
using Gateway.Core.Tenants;
using Gateway.Server.Tenants;
using Microsoft.Extensions.DependencyInjection;

namespace Gateway.Server.Hosting;

/// <summary>Adds what everything else shares: settings, clock, memory pool, catalog, tenants.</summary>
public static class EngineServices
{
    public static IServiceCollection AddEngine(this IServiceCollection services, ServerOptions options, TimeProvider time) =>
        services
            .AddSingleton(options)
            .AddSingleton(time)
            .AddSingleton(options.Tenants?.ToDirectory(time) ?? TenantDirectory.None)
            .AddSingleton<CallerTenants>()
            .AddSingleton<ModelCatalog>()
            .AddSingleton(_ => new BlockPool(options.PinnedMemoryPoolByteSize))
            .AddSingleton(_ => new SharedRegions(options.AllowClientShm));
}
