using System.Net;
using Gateway.Server.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Gateway.Server.Metrics;

/// <summary>Serves <see cref="MetricsPage"/> on a port of its own.</summary>
/// <remarks>
/// A server beside the one for inference, not a second port of it: inference requests pass no check of where they came in, and metrics can be read while the
/// other one is closing. What it answers is Triton's: <c>/metrics</c>, with or without a slash; 200 and nothing for other paths; 405 for other methods.
/// </remarks>
internal sealed class MetricsListener : IHttpApplication<HttpContext>, IAsyncDisposable
{
    /// <summary>Scrapers are few; so many are a mistake or an attack.</summary>
    private const int MostConnections = 64;

    private readonly MetricsPage _page;
    private readonly KestrelServer _server;
    private readonly IPEndPoint _asked;
    private ListenOptions? _listen;

    public MetricsListener(MetricsPage page, ServerOptions options, ILoggerFactory loggers)
    {
        _page = page;
        _asked = new IPEndPoint(options.MetricsAddress ?? options.HttpAddress, options.MetricsPort);
        KestrelServerOptions kestrel = new() { AddServerHeader = false, ApplicationServices = new ServiceCollection().AddSingleton(loggers).BuildServiceProvider() };
        kestrel.Limits.MaxConcurrentConnections = MostConnections;
        kestrel.Limits.MaxRequestBodySize = 0;
        kestrel.Listen(_asked, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            _listen = listen;
        });
        _server = new KestrelServer(Options.Create(kestrel), new SocketTransportFactory(Options.Create(new SocketTransportOptions()), loggers), loggers);
    }

    /// <summary>Where it is reached, such as <c>http://127.0.0.1:8002</c>; meaningful once started.</summary>
    public string Address => $"http://{(IPEndPoint)_listen!.EndPoint}";

    public Task StartAsync(CancellationToken cancellation) => Listening.OrExplain(_server.StartAsync(this, cancellation), [(_asked.ToString(), "--metrics-port")]);

    /// <summary>Closes the port; a scrape under way is cut, for the next one will not come.</summary>
    public Task StopAsync() => _server.StopAsync(new CancellationToken(canceled: true));

    public ValueTask DisposeAsync()
    {
        _server.Dispose();
        return default;
    }

    HttpContext IHttpApplication<HttpContext>.CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

    async Task IHttpApplication<HttpContext>.ProcessRequestAsync(HttpContext context)
    {
        if (!HttpMethods.IsGet(context.Request.Method))
        {
            context.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            context.Response.Headers.Allow = "GET";
            return;
        }

        context.Response.ContentType = MetricsPage.ContentType;
        if (context.Request.Path.Value is not ("/metrics" or "/metrics/")) return;
        _page.Write(context.Response.BodyWriter);
        await context.Response.BodyWriter.FlushAsync(context.RequestAborted).ConfigureAwait(false);
    }

    void IHttpApplication<HttpContext>.DisposeContext(HttpContext context, Exception? exception)
    {
    }
}
