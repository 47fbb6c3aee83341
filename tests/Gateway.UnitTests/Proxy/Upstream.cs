using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gateway.UnitTests.Proxy;

/// <summary>An API behind the proxy, on a free port.</summary>
internal sealed class Upstream : IAsyncDisposable
{
    private readonly WebApplication _app;
    private int _requests;

    private Upstream(WebApplication app) => _app = app;

    /// <summary>Such as <c>http://127.0.0.1:41234</c>.</summary>
    public string Address { get; private set; } = "";

    /// <summary>Requests that have come.</summary>
    public int Requests => Volatile.Read(ref _requests);

    /// <param name="certificate">Null for one without TLS.</param>
    public static async Task<Upstream> StartAsync(RequestDelegate answer, X509Certificate2? certificate = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromMilliseconds(100));
        ListenOptions? port = null;
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            port = listen;
            if (certificate is not null) listen.UseHttps(certificate);
        }));
        WebApplication app = builder.Build();
        Upstream upstream = new(app);
        app.Run(context =>
        {
            Interlocked.Increment(ref upstream._requests);
            return answer(context);
        });
        await app.StartAsync();
        upstream.Address = $"{(certificate is null ? "http" : "https")}://{port!.EndPoint}";
        return upstream;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }
}
