using Gateway.Server.Hosting;
using Gateway.Server.Metrics;
using Gateway.Server.Overflow;
using Gateway.Server.Proxy.Configuration;
using Gateway.Server.Proxy.Destinations;
using Gateway.Server.Proxy.Metrics;
using Gateway.Server.Proxy.Models;
using Gateway.Server.Proxy.Resilience;
using Gateway.Server.TensorFlow;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;
using Yarp.ReverseProxy.ServiceDiscovery;
using Yarp.ReverseProxy.Transforms.Builder;

namespace Gateway.Server.Proxy;

/// <summary>Puts the proxy into a server whose configuration has one.</summary>
internal static class ProxyServices
{
    public static IServiceCollection AddProxy(this IServiceCollection services, ProxySettings settings, ServerOptions options) =>
        services
            .AddProxyRules()
            .AddPassage()
            .AddSingleton<ProxyMetrics>()
            .AddSingleton<GuardTable>()
            .AddSingleton<IClusterChangeListener>(provider => provider.GetRequiredService<GuardTable>())
            .AddSingleton(provider => new AddressBook(provider.GetRequiredService<ProxyMetrics>(), TimeProvider.System, provider.GetRequiredService<ILogger<AddressBook>>()))
            .AddSingleton<IDestinationResolver>(provider => provider.GetRequiredService<AddressBook>())
            .AddSingleton(provider => ActivatorUtilities.CreateInstance<ProxyConfigSource>(provider, settings, options.AccessToken is not null))
            .AddSingleton<IProxyConfigProvider>(provider => provider.GetRequiredService<ProxyConfigSource>())
            .AddSingleton<IForwarderHttpClientFactory, GuardedClientFactory>()
            .AddSingleton<ITransformProvider, ProxyTransforms>()
            .AddSingleton<PredictEndpoint>()
            .AddSingleton<ModelRoutes>()
            .AddSingleton<IMetricFamilies, ProxyFamilies>();

    /// <summary>YARP itself, as far as it is needed to tell a good configuration from a bad one.</summary>
    public static IServiceCollection AddProxyRules(this IServiceCollection services)
    {
        services.AddReverseProxy();
        services.AddSingleton<ILoadBalancingPolicy, PredictedCompletionPolicy>();
        services.AddRequestTimeouts();
        services.AddRateLimiter(static limiter =>
        {
            limiter.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            limiter.AddPolicy<RateLimiting.Key, RateLimiting>(RateLimiting.Policy);
        });

        // It would write a key to the user's folder at every start, for cookies that few configurations have; without it that is done with the first cookie.
        foreach (ServiceDescriptor hosted in services.Where(each => each.ServiceType == typeof(IHostedService) && each.ImplementationType?.Name == "DataProtectionHostedService").ToArray()) services.Remove(hosted);

        // With it there, every request would pass a check for policies that no endpoint has: who may call is decided by the access token.
        services.RemoveAll<IAuthorizationHandlerProvider>();
        return services.WithSystemClock();
    }

    /// <summary>Routes requests; before all that asks what they may do.</summary>
    public static void UseProxyRouting(this WebApplication app) => app.UseProxyRouting(app.Services.GetRequiredService<ProxyConfigSource>());

    /// <summary>Makes what serves proxied routes.</summary>
    /// <exception cref="StartupException">YARP refuses the configuration.</exception>
    public static RequestDelegate BuildProxy(this WebApplication app)
    {
        ProxyMetrics metrics = app.Services.GetRequiredService<ProxyMetrics>();
        Passage passage = app.Services.GetRequiredService<Passage>();
        try
        {
            app.MapReverseProxy().ConfigureEndpoints((endpoint, route) => endpoint.Add(builder => builder.Metadata.Add(new ProxyRoute(route, RouteMetadata.Parse(route, []), metrics.ForRoute(route.RouteId), passage.MarkOfRoute(route.RouteId)))));
        }
        catch (InvalidOperationException error)
        {
            throw new StartupException($"ReverseProxy: {(error.InnerException ?? error).Message}", error);
        }

        ProxyConfigSource source = app.Services.GetRequiredService<ProxyConfigSource>();
        source.Watch(app.Services.GetRequiredService<IConfigValidator>(), TimeProvider.System);
        ProxyCalls calls = new(source, TimeProvider.System, app.Services.GetRequiredService<ILogger<ProxyCalls>>());
        ModelRoutes models = app.Services.GetRequiredService<ModelRoutes>();
        IApplicationBuilder proxy = ((IApplicationBuilder)app).New();
        proxy.UseRequestTimeouts();
        proxy.Use(next => context => calls.InvokeAsync(context, next));
        proxy.UseRateLimiter();
        proxy.Use(next => context => models.InvokeAsync(context, next));
        proxy.Run(static context => context.GetEndpoint()!.RequestDelegate!(context));
        return proxy.Build();
    }

    /// <summary>
    /// YARP's timers and times are the framework's: the engine's clock is made for a few timers, and runs what they are for on the one thread that they share.
    /// </summary>
    private static IServiceCollection WithSystemClock(this IServiceCollection services)
    {
        foreach (ServiceDescriptor each in services.Where(IsTimed).ToArray())
        {
            Type type = each.ImplementationType!;
            services.Remove(each);
            services.Add(new ServiceDescriptor(each.ServiceType, provider => ActivatorUtilities.CreateInstance(provider, type, TimeProvider.System), each.Lifetime));
        }

        return services;

        static bool IsTimed(ServiceDescriptor each) =>
            !each.IsKeyedService
            && each.ImplementationType is { } type
            && type.Assembly == typeof(IProxyConfigProvider).Assembly
            && type.GetConstructors().Any(constructor => constructor.GetParameters().Any(parameter => parameter.ParameterType == typeof(TimeProvider)));
    }
}
