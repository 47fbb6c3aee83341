using Gateway.Core.Tenants;
using Gateway.Server.Tenants;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Gateway.Server.OpenInference;

/// <summary>Puts the Open Inference Protocol into a server.</summary>
public static class OpenInferenceExtensions
{
    /// <summary>Registers the handler. The model catalogue, the block pool, the clock and the server's health must be registered too; options are, unless set, the defaults, and there are no tenants.</summary>
    public static IServiceCollection AddOpenInference(this IServiceCollection services)
    {
        services.TryAddSingleton<OpenInferenceOptions>();
        services.TryAddSingleton(TenantDirectory.None);
        services.TryAddSingleton<CallerTenants>();
        services.TryAddSingleton<OpenInferenceHandler>();
        return services;
    }

    /// <summary>Answers every path under <c>/v2</c>; the rest goes on. No routing is needed before it.</summary>
    public static IApplicationBuilder UseOpenInference(this IApplicationBuilder app)
    {
        OpenInferenceHandler handler = app.ApplicationServices.GetRequiredService<OpenInferenceHandler>();
        return app.Use(next => context => handler.TryHandle(context, out Task handled) ? handled : next(context));
    }
}
