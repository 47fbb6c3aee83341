using Gateway.Core.Features;
using Gateway.Server.Metrics;
using Microsoft.Extensions.DependencyInjection;

namespace Gateway.Server.Features;

/// <summary>Puts feature views into a server.</summary>
public static class FeatureExtensions
{
    /// <summary>Registers the views that are made, and their metrics.</summary>
    public static IServiceCollection AddFeatureViews(this IServiceCollection services, Func<IServiceProvider, FeatureViews> make) => services
        .AddSingleton(make)
        .AddSingleton<IMetricFamilies, FeatureFamilies>();
}
