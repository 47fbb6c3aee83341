using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Server.Proxy.Configuration;

/// <summary>Has YARP look for what is wrong with a configuration, before it is given to it.</summary>
internal static class ProxyCheck
{
    /// <summary>For settings that no server has been built for yet.</summary>
    public static IReadOnlyList<string> Problems(ProxySettings settings)
    {
        using ServiceProvider services = new ServiceCollection().AddLogging().AddProxyRules().BuildServiceProvider();

        // No waiting is done: nothing that it asks is remote.
        return ProblemsAsync(settings, services.GetRequiredService<IConfigValidator>()).AsTask().GetAwaiter().GetResult();
    }

    public static async ValueTask<IReadOnlyList<string>> ProblemsAsync(ProxySettings settings, IConfigValidator validator)
    {
        List<string> problems = [];
        foreach (ClusterConfig cluster in settings.Clusters)
        {
            Add(await validator.ValidateClusterAsync(cluster).ConfigureAwait(false), $"ReverseProxy:Clusters:{cluster.ClusterId}");
        }

        foreach (RouteConfig route in settings.Routes)
        {
            Add(await validator.ValidateRouteAsync(RateLimiting.Named(route)).ConfigureAwait(false), $"ReverseProxy:Routes:{route.RouteId}");
        }

        return problems;

        void Add(IList<Exception> errors, string at) => problems.AddRange(errors.Select(error => $"{at}: {(error.InnerException is { } inner ? $"{error.Message} {inner.Message}" : error.Message).ReplaceLineEndings(" ")}"));
    }
}
