using Gateway.Server.Hosting;

namespace Gateway;

/// <summary>Health endpoints alone, for as long as no protocol is there that has them.</summary>
internal static class HealthPaths
{
    public static void UseHealth(this WebApplication app)
    {
        ServerHealth health = app.Services.GetRequiredService<ServerHealth>();
        app.Run(context =>
        {
            context.Response.StatusCode = context.Request.Path.Value switch
            {
                "/v2/health/live" => StatusCodes.Status200OK,
                "/v2/health/ready" => health.IsReady ? StatusCodes.Status200OK : StatusCodes.Status400BadRequest,
                _ => StatusCodes.Status404NotFound,
            };
            return Task.CompletedTask;
        });
    }
}
