using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Gateway.Server.MessagePack;

/// <summary>Puts MessagePack over HTTP into a server.</summary>
public static class MessagePackExtensions
{
    /// <summary>Registers the handler; what the Open Inference Protocol needs must be registered too.</summary>
    public static IServiceCollection AddMessagePack(this IServiceCollection services)
    {
        services.TryAddSingleton<MessagePackHandler>();
        return services;
    }

    /// <summary>Answers the calls in MessagePack; the rest goes on. To be used before the Open Inference Protocol, which takes whatever comes on its paths.</summary>
    public static IApplicationBuilder UseMessagePack(this IApplicationBuilder app)
    {
        MessagePackHandler handler = app.ApplicationServices.GetRequiredService<MessagePackHandler>();
        return app.Use(next => context => handler.TryHandle(context, out Task handled) ? handled : next(context));
    }
}
