using System.Net;
using Gateway.Core.Caching;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Tenants;
using Gateway.Server.Grpc;
using Gateway.Server.Metrics;
using Gateway.Server.Metrics.Gpu;
using Gateway.Server.OpenInference;
using Gateway.Server.Overflow.Reports;
using Gateway.Server.Proxy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Hosting;

/// <summary>The running server: its ports, its models, and the order in which they come and go.</summary>
/// <remarks>
/// <b>Behaviour</b>: <see cref="StartAsync"/> listens first (a port in use is known before a model is loaded, and probes get answers meanwhile), then loads the
/// models. <see cref="StopAsync"/> is told in its comment. <b>Threading</b>: one caller, one call after the other. <b>Ownership</b>: owns the listeners and
/// the services, among them the memory pool; disposing frees them.
/// </remarks>
public sealed partial class GatewayHost : IAsyncDisposable
{
    /// <summary>
    /// Time for answers already made (refusals, most of them) to leave once the grace time is over; only clients that read slowly need it.
    /// </summary>
    private static readonly TimeSpan FlushTime = TimeSpan.FromSeconds(1);

    // Gateways ask several times a second; whoever asks less often must not keep this one from stopping.
    private static readonly TimeSpan MostNotice = TimeSpan.FromSeconds(3);

    private readonly WebApplication _app;
    private readonly ServerOptions _options;
    private readonly ServerHealth _health;
    private readonly IModelLoader _loader;
    private readonly ModelCatalog _catalog;
    private readonly MetricsListener? _metrics;
    private readonly GrpcListener? _grpc;
    private readonly LoadReporter? _reporter;

    // Not the engine's clock, whose timers run what awaits them on the one thread that they all share: stopping is more than that thread should do.
    private readonly TimeProvider _time = TimeProvider.System;
    private readonly ServedPorts _ports;
    private readonly ILogger _logger;
    private bool _isStarted;
    private bool _loaderMayRun;

    private GatewayHost(WebApplication app, ServerOptions options, ServedPorts ports)
    {
        _app = app;
        _options = options;
        _ports = ports;
        _health = app.Services.GetRequiredService<ServerHealth>();
        _loader = app.Services.GetRequiredService<IModelLoader>();
        _catalog = app.Services.GetRequiredService<ModelCatalog>();
        ILoggerFactory loggers = app.Services.GetRequiredService<ILoggerFactory>();
        _logger = loggers.CreateLogger<GatewayHost>();
        _reporter = app.Services.GetService<LoadReporter>();
        if (options.AllowGrpc) _grpc = new GrpcListener(app.Services, options.OfGrpc);
        if (!options.AllowMetrics) return;
        MetricsPage page = new(_catalog, app.Services.GetRequiredService<BlockPool>(), app.Services.GetRequiredService<ConnectionCounts>(), new MachineUsage(), new GpuUsage(), app.Services.GetRequiredService<TenantDirectory>(), app.Services.GetService<ResponseCache>(), app.Services.GetServices<IMetricFamilies>());
        _metrics = new MetricsListener(page, options, loggers);
    }

    /// <summary>Where clients reach it, such as <c>http://127.0.0.1:8000</c>; meaningful once it listens.</summary>
    public string HttpAddress => _ports.Http;

    /// <summary>Where clients of MessagePack frames reach it, such as <c>127.0.0.1:8003</c>; null when they are not served.</summary>
    public string? FramesAddress => _ports.Frames;

    /// <summary>Where gRPC clients reach it, such as <c>http://127.0.0.1:8001</c>; null when gRPC is not served.</summary>
    public string? GrpcAddress => _grpc?.Uri;

    /// <summary>Likewise for metrics; null when they are not served.</summary>
    public string? MetricsAddress => _metrics?.Address;

    /// <summary>Builds the server without starting anything.</summary>
    /// <param name="time">The engine's clock.</param>
    /// <param name="addServices">Adds the <see cref="IModelLoader"/> and what the protocols need. The catalog, the pool, the options and the health are there.</param>
    /// <param name="useProtocols">Adds the protocols to the request pipeline.</param>
    public static GatewayHost Build(ServerOptions options, TimeProvider time, Action<IServiceCollection> addServices, Action<WebApplication> useProtocols)
    {
        ServedPorts ports = new();

        // Empty: ASP.NET's own configuration sources would be a second way to set ports and limits, which no help text names.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.AddGatewayLogging(options);
        builder.AddFrontDoor(options, ports);
        builder.Services
            .AddEngine(options, time)
            .AddSingleton<ServerHealth>()
            .AddSingleton<IHostLifetime, CallersLifetime>()
            .Configure<HostOptions>(host => host.ShutdownTimeout = Timeout.InfiniteTimeSpan);
        addServices(builder.Services);
        if (options.Proxy is { } proxied) builder.Services.AddProxy(proxied, options);
        WebApplication app = builder.Build();
        if (options.Proxy is not null) app.UseProxyRouting();
        if (options.AccessToken is { } token) app.UseAccessToken(token, app.Services.GetRequiredService<TenantDirectory>());
        if (RestrictedAccess.Parse(options.HttpRestrictedApi, "", out RestrictedAccess restricted) is null && restricted.IsAny) app.UseRestrictedAccess(restricted);
        RequestDelegate? proxy = options.Proxy is null ? null : app.BuildProxy();
        if (proxy is not null) app.Use(next => context => ProxyRouting.RouteOf(context) is null ? next(context) : proxy(context));
        useProtocols(app);
        return new GatewayHost(app, options, ports);
    }

    /// <summary>Listens, then loads the models.</summary>
    /// <exception cref="StartupException">A port cannot be had, or a model cannot be loaded and <see cref="ServerOptions.ExitOnError"/> is on.</exception>
    public async Task StartAsync(CancellationToken cancellation)
    {
        if (_options is { AllowFrames: true, FramesSocket: { } socket }) UnixSocketFile.Clear(socket, "--frames-socket");
        await Listening.OrExplain(
            _app.StartAsync(cancellation),
            [
                (new IPEndPoint(_options.HttpAddress, _options.HttpPort).ToString(), "--http-port"),
                (new IPEndPoint(_options.FramesAddress ?? _options.HttpAddress, _options.FramesPort).ToString(), "--frames-port"),
                (_options.FramesSocket ?? "", "--frames-socket"),
            ]).ConfigureAwait(false);
        _isStarted = true;
        if (_grpc is not null) await _grpc.StartAsync(cancellation).ConfigureAwait(false);
        if (_reporter is not null && _grpc is not null) _reporter.GrpcUri = new Uri(_grpc.Uri);
        if (_metrics is not null) await _metrics.StartAsync(cancellation).ConfigureAwait(false);
        Log.Listening(_logger, HttpAddress, GrpcAddress ?? "no port", FramesAddress ?? "no port", MetricsAddress ?? "no port");

        long start = _time.GetTimestamp();
        _loaderMayRun = true;
        await _loader.LoadAsync(cancellation).ConfigureAwait(false);
        if (_options.ExitOnError && _catalog.Index.FirstOrDefault(status => status.State == ModelState.Unavailable) is { } broken)
        {
            throw new StartupException($"model {broken.Name}{(broken.Version > 0 ? $" version {broken.Version}" : "")}: {broken.Reason.ReplaceLineEndings("; ")} (--exit-on-error is on)");
        }

        _health.Enter(ServerPhase.Serving);
        Log.Serving(_logger, _catalog.Index.Count(status => status.State == ModelState.Ready), _catalog.Index.Count, _time.GetElapsedTime(start).TotalMilliseconds);
    }

    /// <summary>What to print once started.</summary>
    public string Report(IReadOnlyList<string> samples, string current) => StartupReport.Write(_catalog.Index, HttpAddress, FramesAddress, MetricsAddress, samples, current, _options.AccessToken is not null, GrpcAddress);

    /// <summary>Stops accepting, finishes what was accepted within the grace time, and stops.</summary>
    /// <remarks>
    /// In this order: readiness says no, to other gateways that watch this one too, which are given time to hear it; the ports for HTTP and gRPC close, and their connections end after the request that they are at; when they have, or the grace time is
    /// over, the models stop, and refuse what is left of their queues; refusals get a moment to reach their clients; then connections are cut and the metrics
    /// port, which could be read all along, closes.
    /// </remarks>
    /// <returns>Requests that were accepted and not served.</returns>
    public async Task<int> StopAsync()
    {
        _health.Enter(ServerPhase.Exiting);
        if (_loaderMayRun) Log.Stopping(_logger, _options.ExitTimeoutSecs.TotalSeconds);
        long start = _time.GetTimestamp();

        // Other gateways that send requests here hear it before the ports close, so that none is on its way then.
        if (_isStarted && _reporter is { IsWatched: true }) await Task.Delay(new[] { _reporter.NoticeTime, MostNotice, _options.ExitTimeoutSecs / 2 }.Min(), _time).ConfigureAwait(false);
        using CancellationTokenSource cut = new();
        Task closed = _isStarted ? Task.WhenAll(_app.StopAsync(cut.Token), _grpc?.StopAsync(cut.Token) ?? Task.CompletedTask) : Task.CompletedTask;
        await WaitAtMost(closed, Left(start)).ConfigureAwait(false);

        int abandoned = _loaderMayRun ? await _loader.StopAsync(Left(start)).ConfigureAwait(false) : 0;
        await WaitAtMost(closed, FlushTime).ConfigureAwait(false);
        await cut.CancelAsync().ConfigureAwait(false);
        await closed.ConfigureAwait(false);
        if (_metrics is not null) await _metrics.StopAsync().ConfigureAwait(false);

        if (abandoned > 0) Log.Abandoned(_logger, abandoned, _options.ExitTimeoutSecs.TotalSeconds);
        if (_loaderMayRun) Log.Stopped(_logger, _time.GetElapsedTime(start).TotalMilliseconds);
        return abandoned;
    }

    public async ValueTask DisposeAsync()
    {
        if (_metrics is not null) await _metrics.DisposeAsync().ConfigureAwait(false);
        if (_grpc is not null) await _grpc.DisposeAsync().ConfigureAwait(false);
        await _app.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>What is left of the grace time.</summary>
    private TimeSpan Left(long start) => _options.ExitTimeoutSecs - _time.GetElapsedTime(start) is { Ticks: > 0 } left ? left : TimeSpan.Zero;

    private async Task WaitAtMost(Task task, TimeSpan limit)
    {
        // Its failure, if any, is seen by the await that follows all the waiting.
        await Task.WhenAny(task, Task.Delay(limit, _time)).ConfigureAwait(false);
    }

    /// <summary>Leaves signals to the caller, who knows about a second one.</summary>
    private sealed class CallersLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private static partial class Log
    {
        [LoggerMessage(4000, LogLevel.Information, "Listening on {Http}, gRPC on {Grpc}, frames on {Frames}, metrics on {Metrics}", EventName = "Listening")]
        public static partial void Listening(ILogger logger, string http, string grpc, string frames, string metrics);

        [LoggerMessage(4001, LogLevel.Information, "Serving {Ready} of {All} models, loaded in {Milliseconds:F0} ms", EventName = "Serving")]
        public static partial void Serving(ILogger logger, int ready, int all, double milliseconds);

        [LoggerMessage(4002, LogLevel.Information, "Stopping: accepted requests have {Seconds} s to finish", EventName = "Stopping")]
        public static partial void Stopping(ILogger logger, double seconds);

        [LoggerMessage(4003, LogLevel.Warning, "{Requests} accepted requests were not served within {Seconds} s", EventName = "Abandoned")]
        public static partial void Abandoned(ILogger logger, int requests, double seconds);

        [LoggerMessage(4004, LogLevel.Information, "Stopped after {Milliseconds:F0} ms", EventName = "Stopped")]
        public static partial void Stopped(ILogger logger, double milliseconds);
    }
}
