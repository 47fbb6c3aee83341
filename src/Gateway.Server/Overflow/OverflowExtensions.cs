using Gateway.Core.Memory;
using Gateway.Server.Frames;
using Gateway.Server.Hosting;
using Gateway.Server.Metrics;
using Gateway.Server.Overflow.Forwarding;
using Gateway.Server.Overflow.Reports;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace Gateway.Server.Overflow;

/// <summary>Puts overflow to replicas into a server.</summary>
public static class OverflowExtensions
{
    /// <summary>Registers what overflow needs; the engine and the Open Inference Protocol must be registered too.</summary>
    public static IServiceCollection AddOverflow(this IServiceCollection services) => services
        .AddHttpForwarder()
        .AddPassage()
        .AddSingleton<GatewayIdentity>()
        .AddSingleton(provider => SettingsOf(provider.GetRequiredService<ServerOptions>(), provider.GetRequiredService<TimeProvider>()))
        .AddSingleton<Replicas>()
        .AddSingleton<ReplicaMembership>()
        .AddSingleton<IClusterChangeListener>(provider => provider.GetRequiredService<ReplicaMembership>())
        .AddSingleton<ReplicaClients>()
        .AddSingleton<Watchers>()
        .AddSingleton<LoadReporter>()
        .AddSingleton(provider => new ReplicaForwarder(
            provider.GetRequiredService<IHttpForwarder>(),
            provider.GetRequiredService<ReplicaClients>(),
            provider.GetRequiredService<BlockPool>(),
            provider.GetRequiredService<GatewayIdentity>().InstanceText,
            provider.GetRequiredService<ServerOptions>().HttpMaxInputSize))
        .AddSingleton<ReplicaModels>()
        .AddSingleton<ReplicaWarmer>()
        .AddSingleton<OverflowDispatch>()
        .AddSingleton<IMetricFamilies, OverflowFamilies>()
        .AddSingleton<OverflowHandler>()
        .AddSingleton<FrameOverflow>()
        .AddHostedService(provider => provider.GetRequiredService<ReplicaMembership>())
        .AddHostedService<ReplicaPoller>();

    /// <summary>Registers what keeps requests from going round in circles.</summary>
    internal static IServiceCollection AddPassage(this IServiceCollection services)
    {
        services.TryAddSingleton<Passage>();
        return services;
    }

    /// <summary>Lets calls go elsewhere that this server cannot answer in time; before the protocols.</summary>
    public static IApplicationBuilder UseOverflow(this IApplicationBuilder app)
    {
        OverflowHandler handler = app.ApplicationServices.GetRequiredService<OverflowHandler>();
        return app.Use(next => context => handler.HandleAsync(context, next));
    }

    private static OverflowSettings SettingsOf(ServerOptions options, TimeProvider time) => new(TimeSpan.FromMilliseconds(options.OverflowPollMs), options.AccessToken, time);
}
