using System.Net.Http.Headers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Gateway.IntegrationTests.Overflow;

/// <summary>A server of the Open Inference Protocol that knows nothing of gateways, until it does: passes its own paths on to one, without the headers that gateways have among themselves.</summary>
internal sealed class ForeignReplica : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly HttpClient _http;

    private ForeignReplica(WebApplication app, HttpClient http)
    {
        _app = app;
        _http = http;
    }

    public string Address => _app.Urls.Single();

    /// <summary>Whether it passes on as well what gateways ask each other.</summary>
    public bool IsGateway { get; set; }

    /// <summary>Whether it refuses inferences at once, however idle it is.</summary>
    public bool Refuses { get; set; }

    /// <summary>Whether it hangs up on who asks whether it is ready.</summary>
    public bool HangsUp { get; set; }

    /// <summary>Inferences that it was asked for.</summary>
    public int Asked;

    public static async Task<ForeignReplica> StartAsync(string behind)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        WebApplication app = builder.Build();
        HttpClient http = new(new SocketsHttpHandler { MaxConnectionsPerServer = 512 }) { BaseAddress = new Uri(behind) };
        ForeignReplica replica = new(app, http);
        app.Run(replica.PassAsync);
        await app.StartAsync();
        return replica;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _http.Dispose();
    }

    private async Task PassAsync(HttpContext context)
    {
        if (!IsGateway && !context.Request.Path.StartsWithSegments("/v2", StringComparison.Ordinal))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        if (HangsUp && context.Request.Path == "/v2/health/ready")
        {
            context.Abort();
            return;
        }

        if (context.Request.Path.Value!.EndsWith("/infer", StringComparison.Ordinal))
        {
            Interlocked.Increment(ref Asked);
            if (Refuses)
            {
                context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
                return;
            }
        }

        using HttpRequestMessage request = new(new HttpMethod(context.Request.Method), context.Request.Path.Value);
        if (HttpMethods.IsPost(context.Request.Method))
        {
            MemoryStream body = new();
            await context.Request.Body.CopyToAsync(body);
            request.Content = new ByteArrayContent(body.ToArray());
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse("application/json");
        }

        using HttpResponseMessage answer = await _http.SendAsync(request);
        context.Response.StatusCode = (int)answer.StatusCode;
        context.Response.ContentType = answer.Content.Headers.ContentType?.ToString();
        await context.Response.Body.WriteAsync(await answer.Content.ReadAsByteArrayAsync());
    }
}
