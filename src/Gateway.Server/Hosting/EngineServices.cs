using Gateway.Core.Execution.Devices;
using Gateway.Core.Memory;
using Gateway.Core.Memory.Shared;
using Gateway.Core.Memory.Shared.Cuda;
using Gateway.Core.Models;
using Gateway.Core.Scheduling.Resources;
using Gateway.Core.Tenants;
using Gateway.Core.Tracing;
using Gateway.Server.Metrics;
using Gateway.Server.Tenants;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

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
            .AddSingleton(provider => TracerOf(options, time, provider.GetService<ILoggerFactory>()))
            .AddSingleton<IMetricFamilies, TraceFamilies>()
            .AddSingleton(provider => new ModelCatalog(provider.GetRequiredService<Tracer>()))
            .AddRateLimiter(options, time)
            .AddSingleton(_ => MemoryOf(options))
            .AddSingleton<IMetricFamilies, DeviceMemoryFamilies>()
            .AddSingleton(_ => new BlockPool(options.PinnedMemoryPoolByteSize))
            .AddSingleton(_ => new SharedRegions(options.AllowClientShm, CudaDriver.TryLoad));

    private static DeviceMemory MemoryOf(ServerOptions options)
    {
        _ = DeviceMemoryLimits.Parse(options.GpuMemoryLimitByteSize, out DeviceMemoryLimits limits);
        return new DeviceMemory(limits);
    }

    private static IServiceCollection AddRateLimiter(this IServiceCollection services, ServerOptions options, TimeProvider time)
    {
        if (options.RateLimit == RateLimitMode.Off) return services;
        _ = ResourceCounts.Parse(options.RateLimitResource, out ResourceCounts counts);
        return services.AddSingleton(new RateLimiter(counts, time)).AddSingleton<IMetricFamilies, ResourceFamilies>();
    }

    private static Tracer TracerOf(ServerOptions options, TimeProvider time, ILoggerFactory? loggers)
    {
        _ = TraceSetup.Parse(options.TraceConfig, options.TraceDirectory, out TraceConfig config);
        if (options.TraceDirectory is { } directory) Directory.CreateDirectory(directory);
        return new Tracer(config, options.TraceDirectory is { } folder ? Path.GetFullPath(folder).TrimEnd(Path.DirectorySeparatorChar) : null, time, loggers?.CreateLogger<Tracer>());
    }
}
