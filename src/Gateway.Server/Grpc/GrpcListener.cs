using System.Net;
using Gateway.Core.Memory;
using Gateway.Core.Memory.Shared;
using Gateway.Core.Models;
using Gateway.Core.Models.Repository;
using Gateway.Core.Tenants;
using Gateway.Server.Grpc.Http2;
using Gateway.Server.Grpc.Inference;
using Gateway.Server.Grpc.Services;
using Gateway.Server.Grpc.Streaming;
using Gateway.Server.Hosting;
using Gateway.Server.OpenInference;
using Gateway.Server.Overflow;
using Gateway.Server.Overflow.Reports;
using Gateway.Server.Tenants;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Grpc;

/// <summary>Serves gRPC on a port of its own: Kestrel has its sockets and TLS, and what is spoken on them is <see cref="Http2Connection"/>'s.</summary>
/// <remarks>
/// <b>Behaviour</b>: HTTP/2 alone, with prior knowledge, or over TLS; what speaks HTTP/1.1 is told so.
/// <b>Ownership</b>: owns the port; the engine's parts are others'.
/// </remarks>
internal sealed class GrpcListener : IAsyncDisposable
{
    /// <summary>Most calls of one connection at a time. A client with hundreds of calls in flight should need no second connection; Kestrel's 100 would have it wait.</summary>
    public const int MostStreams = 1024;

    private readonly WebApplication _app;
    private readonly GrpcApplication _calls;
    private readonly GrpcStop _stop = new();
    private readonly IPEndPoint _asked;
    private readonly string _scheme;
    private ListenOptions? _listen;

    public GrpcListener(IServiceProvider engine, ServerOptions options)
    {
        _asked = new IPEndPoint(options.GrpcAddress ?? options.HttpAddress, options.GrpcPort);
        HttpsConnectionAdapterOptions? https = ServerCertificate.Load(options);
        _scheme = https is null ? "http" : "https";
        BlockPool pool = engine.GetRequiredService<BlockPool>();
        ILoggerFactory loggers = engine.GetRequiredService<ILoggerFactory>();
        TimeProvider time = engine.GetRequiredService<TimeProvider>();
        ILogger logger = loggers.CreateLogger<GrpcListener>();
        KeepAliveTimes times = new(TimeSpan.FromMilliseconds(options.GrpcKeepaliveTime), TimeSpan.FromMilliseconds(options.GrpcKeepaliveTimeout));
        ConnectionCounts connections = engine.GetRequiredService<ConnectionCounts>();
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = options.HttpMaxConnections;
            kestrel.Listen(_asked, listen =>
            {
                _listen = listen;
                listen.Protocols = HttpProtocols.Http2;
                listen.Use(connections.Grpc.Count);
                if (https is not null) listen.UseHttps(https);
                listen.Use(_ => connection => new Http2Connection(connection, _calls!, pool, times, time, logger).RunAsync());
            });
        });
        builder.Services.AddSingleton(loggers);
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>, WireMemoryPool>();
        _app = builder.Build();
        _ = RestrictedAccess.Parse(options.GrpcRestrictedProtocol, RestrictedAccess.GrpcPrefix, out RestrictedAccess restricted);
        GrpcOptions grpc = new()
        {
            MaxMessageBytes = options.GrpcMaxInputSize,
            MaxLoadBytes = options.AllowLoadOverride ? options.GrpcMaxInputSize : GrpcMessages.MostBytes,
            Compression = options.GrpcInferResponseCompressionLevel,
            AccessToken = options.AccessToken,
            Restricted = restricted,
        };
        _calls = new GrpcApplication(Methods(engine, grpc, time, logger), grpc, engine.GetRequiredService<TenantDirectory>());
    }

    /// <summary>Where clients reach it, such as <c>127.0.0.1:8001</c>; meaningful once started.</summary>
    public string Address => ((IPEndPoint)_listen!.EndPoint).ToString();

    /// <summary>Likewise, with the scheme.</summary>
    public string Uri => $"{_scheme}://{Address}";

    public Task StartAsync(CancellationToken cancellation) =>
        Listening.OrExplain(_app.Services.GetRequiredService<IServer>().StartAsync(new NoHttp(), cancellation), [(_asked.ToString(), "--grpc-port")]);

    /// <summary>Closes the port, ends streams after what is in flight on them, and waits for the calls.</summary>
    /// <param name="cut">Cuts what is left.</param>
    public Task StopAsync(CancellationToken cut)
    {
        _stop.Begin();
        return _app.Services.GetRequiredService<IServer>().StopAsync(cut);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync().ConfigureAwait(false);
        _stop.Dispose();
    }

    private GrpcMethod[] Methods(IServiceProvider engine, GrpcOptions grpc, TimeProvider time, ILogger logger)
    {
        ModelCatalog catalog = engine.GetRequiredService<ModelCatalog>();
        BlockPool pool = engine.GetRequiredService<BlockPool>();
        ServerHealth health = engine.GetRequiredService<ServerHealth>();
        SharedRegions regions = engine.GetService<SharedRegions>() ?? SharedRegions.Disabled;
        CallerTenants tenants = engine.GetService<CallerTenants>() ?? new CallerTenants(engine.GetRequiredService<TenantDirectory>(), engine.GetRequiredService<ServerOptions>());
        OpenInferenceOptions inference = engine.GetService<OpenInferenceOptions>() ?? new OpenInferenceOptions();
        InferOverflow? overflow = OverflowOf(engine, catalog, pool);
        return
        [
            new InferMethod(catalog, pool, regions, grpc, inference, tenants, time, logger, engine.GetService<Passage>() ?? new Passage(), overflow),
            new StreamInferMethod(catalog, pool, regions, grpc, tenants, _stop, logger, overflow),
            .. ServerMethods.Make(health, inference, regions, logger),
            .. ModelMethods.Make(catalog, logger),
            StatisticsMethod.Make(catalog, logger),
            .. RepositoryMethods.Make(catalog, engine.GetService<IModelControl>(), grpc, logger),
            .. SharedMemoryMethods.Make(regions, logger),
            SettingsMethods.Trace(catalog, logger),
            SettingsMethods.Log(engine.GetService<LogSettings>(), logger),
            .. HealthMethods.Make(catalog, health, _stop, logger),
            new ReflectionMethod("v1", _stop, logger),
            new ReflectionMethod("v1alpha", _stop, logger),
        ];
    }

    /// <returns>Null where there is no overflow.</returns>
    private static InferOverflow? OverflowOf(IServiceProvider engine, ModelCatalog catalog, BlockPool pool) => engine.GetService<OverflowDispatch>() is { } dispatch
        ? new InferOverflow(engine.GetRequiredService<Replicas>(), dispatch, engine.GetRequiredService<LoadReporter>(), catalog, pool, engine.GetRequiredService<OverflowSettings>())
        : null;

}
