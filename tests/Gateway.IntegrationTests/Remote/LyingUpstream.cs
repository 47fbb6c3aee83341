using Gateway.IntegrationTests.Overflow;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Gateway.IntegrationTests.Remote;

/// <summary>A server that says it serves <c>timed</c>, and does not answer its batches as it should; models of any other name it does not know.</summary>
internal sealed class LyingUpstream : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly TaskCompletionSource _asked;

    private LyingUpstream(WebApplication app, TaskCompletionSource asked)
    {
        _app = app;
        _asked = asked;
    }

    /// <summary>Completes when it has been asked for a batch.</summary>
    public Task Asked => _asked.Task;

    public string Address => _app.Urls.Single();

    public static async Task<LyingUpstream> StartAsync(Lie lie)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        WebApplication app = builder.Build();
        TaskCompletionSource asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        app.Use(next => context =>
        {
            if (context.Request.Path == "/v2/models/timed/infer") asked.TrySetResult();
            return next(context);
        });
        app.Run(context => context.Request.Path.Value switch
        {
            "/v2/models/timed" => context.Response.WriteAsync(
                """{"name":"timed","versions":["1"],"inputs":[{"name":"x","datatype":"INT64","shape":[-1,1]}],"outputs":[{"name":"y","datatype":"INT64","shape":[-1,1]}]}"""),
            "/v2/models/timed/config" => context.Response.WriteAsync("""{"name":"timed","max_batch_size":4}"""),
            "/v2/models/timed/infer" when lie == Lie.HalfABody => HalfABodyAsync(context),
            "/v2/models/timed/infer" => LyingReplica.LieAsync(context, lie),
            _ => NotFoundAsync(context),
        });
        await app.StartAsync();
        return new LyingUpstream(app, asked);
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private static async Task HalfABodyAsync(HttpContext context)
    {
        context.Response.ContentLength = 1000;
        await context.Response.WriteAsync("half");
        await context.Response.Body.FlushAsync();

        // A connection that is aborted at once may take what was flushed with it.
        await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
        context.Abort();
    }

    private static Task NotFoundAsync(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return context.Response.WriteAsync("""{"error":"Not Found"}""");
    }
}
