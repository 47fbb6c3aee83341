using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Gateway.IntegrationTests.Overflow;

/// <summary>What a replica does with requests.</summary>
public enum Lie
{
    Garbage,
    HalfABody,
    Never,
    TooLong,
}

/// <summary>A replica that says it is idle, as another says of itself, and then does not answer as it should.</summary>
internal sealed class LyingReplica : IAsyncDisposable
{
    private readonly WebApplication _app;

    private LyingReplica(WebApplication app) => _app = app;

    public string Address => _app.Urls.Single();

    /// <param name="honest">Whose reports are told; null for reports of nonsense.</param>
    /// <param name="certificate">Null for one without TLS.</param>
    public static async Task<LyingReplica> StartAsync(string? honest, Lie lie, X509Certificate2? certificate = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(certificate is null ? "http://127.0.0.1:0" : "https://127.0.0.1:0");
        if (certificate is not null) builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.ConfigureHttpsDefaults(https => https.ServerCertificate = certificate));
        WebApplication app = builder.Build();
        HttpClient http = new();
        app.Run(async context =>
        {
            if (context.Request.Path == "/gateway/load")
            {
                byte[] report = honest is null ? "an idle replica, they say, has time"u8.ToArray() : await http.GetByteArrayAsync(new Uri(new Uri(honest), "/gateway/load"));
                await context.Response.Body.WriteAsync(report);
                return;
            }

            // It is asked what it serves, and warmed up, as others are.
            if (honest is not null && (HttpMethods.IsGet(context.Request.Method) || context.Request.Headers.ContainsKey("Gateway-Warm-Up")))
            {
                await PassAsync(context, http, new Uri(new Uri(honest), context.Request.Path.Value));
                return;
            }

            await LieAsync(context, lie);
        });
        await app.StartAsync();
        return new LyingReplica(app);
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private static async Task PassAsync(HttpContext context, HttpClient http, Uri to)
    {
        using HttpRequestMessage request = new(new HttpMethod(context.Request.Method), to);
        if (HttpMethods.IsPost(context.Request.Method)) request.Content = new StreamContent(context.Request.Body);
        using HttpResponseMessage answer = await http.SendAsync(request);
        context.Response.StatusCode = (int)answer.StatusCode;
        context.Response.Headers["Gateway-Load"] = Convert.ToBase64String([0x11, .. new byte[23]]);
        await context.Response.Body.WriteAsync(await answer.Content.ReadAsByteArrayAsync());
    }

    internal static async Task LieAsync(HttpContext context, Lie lie)
    {
        switch (lie)
        {
            case Lie.Garbage:
                await context.Response.WriteAsync("<html>It works!</html>");
                break;
            case Lie.HalfABody:
                context.Response.ContentLength = 1000;
                await context.Response.WriteAsync("{\"model_name\":\"tim");
                await context.Response.Body.FlushAsync();
                context.Abort();
                break;
            case Lie.TooLong:
                context.Response.ContentLength = 10_000_000;
                await context.Response.Body.WriteAsync(new byte[10_000_000], context.RequestAborted);
                break;
            default:
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted).ContinueWith(static _ => { }, TaskScheduler.Default);
                break;
        }
    }
}
