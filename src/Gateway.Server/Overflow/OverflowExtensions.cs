using Gateway.Core.Memory;
using Gateway.Server.Frames;
using Gateway.Server.Hosting;
using Gateway.Server.Overflow.Forwarding;
using Gateway.Server.Overflow.Reports;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Server.Overflow;

/// <summary>Puts overflow to replicas into a server.</summary>
public static class OverflowExtensions
{
    /// <summary>Registers what overflow needs; the engine and the Open Inference Protocol must be registered too.</summary>
    public static IServiceCollection AddOverflow(this IServiceCollection services) => services
        .AddHttpForwarder()
        .AddSingleton<GatewayIdentity>()
        .AddSingleton(provider => SettingsOf(provider.GetRequiredService<ServerOptions>(), provider.GetRequiredService<TimeProvider>()))
        .AddSingleton(MakeReplicas)
        .AddSingleton<ReplicaClients>()
        .AddSingleton<LoadReporter>()
        .AddSingleton(provider => new ReplicaForwarder(
            provider.GetRequiredService<IHttpForwarder>(),
            provider.GetRequiredService<ReplicaClients>(),
            provider.GetRequiredService<BlockPool>(),
            provider.GetRequiredService<GatewayIdentity>().InstanceText,
            provider.GetRequiredService<ServerOptions>().HttpMaxInputSize))
        .AddSingleton<ReplicaWarmer>()
        .AddSingleton<OverflowDispatch>()
        .AddSingleton<OverflowHandler>()
        .AddSingleton<FrameOverflow>()
        .AddHostedService<ReplicaPoller>();

    /// <summary>Lets calls go elsewhere that this server cannot answer in time; before the protocols.</summary>
    public static IApplicationBuilder UseOverflow(this IApplicationBuilder app)
    {
        OverflowHandler handler = app.ApplicationServices.GetRequiredService<OverflowHandler>();
        return app.Use(next => context => handler.HandleAsync(context, next));
    }

    private static OverflowSettings SettingsOf(ServerOptions options, TimeProvider time) => new(TimeSpan.FromMilliseconds(options.OverflowPollMs), options.AccessToken, time);

    private static Replicas MakeReplicas(IServiceProvider provider)
    {
        Replicas replicas = new(provider.GetRequiredService<OverflowSettings>(), provider.GetRequiredService<GatewayIdentity>());
        replicas.Set([.. provider.GetRequiredService<ServerOptions>().OverflowReplica.Select(address => new ReplicaSetup(address))]);
        return replicas;
    }
}
