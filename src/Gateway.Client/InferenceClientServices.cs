using Gateway.Client;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

// Found where registrations are written, without another using.
#pragma warning disable IDE0130
namespace Microsoft.Extensions.DependencyInjection;
#pragma warning restore IDE0130

/// <summary>Registers <see cref="InferenceClient"/>s.</summary>
public static class InferenceClientServices
{
    /// <summary>Adds a client for all who ask for one; made when first asked for, disposed with the container.</summary>
    public static IServiceCollection AddInferenceClient(this IServiceCollection services, Action<InferenceClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        services.TryAddSingleton(provider => Make(provider, configure));
        return services;
    }

    /// <summary>Adds a client for those who ask for it by <paramref name="key"/>, as a keyed service.</summary>
    public static IServiceCollection AddInferenceClient(this IServiceCollection services, string key, Action<InferenceClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        services.TryAddKeyedSingleton(key, (provider, _) => Make(provider, configure));
        return services;
    }

    private static InferenceClient Make(IServiceProvider provider, Action<InferenceClientOptions> configure)
    {
        InferenceClientOptions options = new();
        configure(options);
        return new InferenceClient(options, provider.GetService<ILoggerFactory>());
    }
}
