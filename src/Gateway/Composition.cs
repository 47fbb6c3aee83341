using Gateway.Core.Caching;
using Gateway.Core.Execution;
using Gateway.Core.Features;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Repository;
using Gateway.Core.Scheduling.Resources;
using Gateway.Faster;
using Gateway.Features;
using Gateway.OnnxRuntime.Backend;
using Gateway.OnnxRuntime.Environments;
using Gateway.Precompute;
using Gateway.Server.Features;
using Gateway.Server.Hosting;
using Gateway.Server.MessagePack;
using Gateway.Server.OpenInference;
using Gateway.Server.Overflow;
using Gateway.Server.Remote;

namespace Gateway;

/// <summary>What the program is put together from: the backend, the repository, the protocols.</summary>
internal static class Composition
{
    /// <summary>What serving needs beside what the host brings.</summary>
    public static void AddServices(IServiceCollection services) => services
        .AddRepository()
        .AddFeatureViews(MakeFeatures)
        .AddSingleton<FeatureSources>()
        .AddSingleton<JsonInference>()
        .AddSingleton<CacheWarmup>()
        .AddSingleton<IModelLoader, RepositoryLoader>()
        .AddSingleton<IModelControl>(provider => provider.GetRequiredService<ModelRepository>())
        .AddSingleton(provider => OptionsFor(provider.GetRequiredService<ServerOptions>()))
        .AddOpenInference()
        .AddMessagePack()
        .AddOverflow();

    /// <summary>The protocols, in the order in which they look at a request.</summary>
    public static void UseProtocols(WebApplication app) => app.UseOverflow().UseMessagePack().UseOpenInference();

    /// <summary>What checking needs; nothing in it listens.</summary>
    public static ServiceProvider ForCheck(ServerOptions options) =>
        new ServiceCollection()
            .AddEngine(options, TimeProvider.System)
            .AddLogging(logging => logging.AddGatewayLogging(options))
            .AddRepository()
            .AddSingleton<IRepositoryChecker, RepositoryLoader>()
            .BuildServiceProvider();

    private static OpenInferenceOptions OptionsFor(ServerOptions options) => new()
    {
        MaxInputBytes = options.HttpMaxInputSize,
        ServerTiming = options.ServerTiming,
    };

    private static ProfileCache? ProfilesFor(ServerOptions options)
    {
        if (options.DeviceProfileCache == "none") return null;
        if (options.DeviceProfileCache is { } folder) return new ProfileCache(folder);
        string? cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (string.IsNullOrEmpty(cache)) cache = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) is { Length: > 0 } home ? Path.Combine(home, ".cache") : null;
        return cache is null ? null : new ProfileCache(Path.Combine(cache, "gateway", "profiles"));
    }

    private static RepositoryOptions OptionsOf(ServerOptions options) => new(options.ModelRepository)
    {
        Mode = options.ModelControlMode,
        PollInterval = options.RepositoryPollSecs,
        StartupModels = options.LoadModel,
        MostLoadsAtOnce = options.ModelLoadThreadCount,
        AllowsOverride = options.AllowLoadOverride,
    };

    private static IServiceCollection AddRepository(this IServiceCollection services) =>
        services
            .AddSingleton<IExecutionBackend>(provider =>
            {
                OrtEnvironment.TakeFrom(provider.GetRequiredService<ServerOptions>().OnnxruntimeDirectory);
                return ActivatorUtilities.CreateInstance<OnnxRuntimeBackend>(provider);
            })
            .AddRemoteModels()
            .AddSingleton(provider => FasterResponseCache.Create(
                CacheSettings.From(provider.GetRequiredService<ServerOptions>()),
                provider.GetRequiredService<BlockPool>(),
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<ResponseCache>>()))
            .AddSingleton(provider => new ModelRepository(
                OptionsOf(provider.GetRequiredService<ServerOptions>()),
                provider.GetRequiredService<ModelCatalog>(),
                new ExecutionBackends(provider.GetRequiredService<IExecutionBackend>(), provider.GetRequiredService<RemoteBackend>()),
                provider.GetRequiredService<BlockPool>(),
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<ModelRepository>>(),
                provider.GetRequiredService<ResponseCache>(),
                ProfilesFor(provider.GetRequiredService<ServerOptions>()),
                provider.GetService<FeatureViews>(),
                provider.GetService<RateLimiter>()));

    private static FeatureViews MakeFeatures(IServiceProvider provider)
    {
        ServerOptions options = provider.GetRequiredService<ServerOptions>();
        return FasterFeatureViews.Create(
            FeatureSetup.Read(options, out IReadOnlyDictionary<string, string> problems),
            problems,
            options.FeatureDirectory,
            provider.GetRequiredService<BlockPool>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<FeatureViews>>(),
            options.HttpMaxInputSize);
    }
}
