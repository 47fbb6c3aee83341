using Gateway.Server.Proxy.Destinations;
using Gateway.Server.Proxy.Metrics;
using Gateway.Server.Proxy.Resilience;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Server.Proxy.Configuration;

/// <summary>Gives YARP its configuration, and a new one when the files that it is read from change and what they say is good.</summary>
/// <remarks>
/// <b>Behaviour</b>: files are looked at once a second, which works on every file system and with links that are swapped, as container platforms mount
/// settings. A change that is not good is logged line by line, counted, and not taken: what was in use stays so. <b>Threading</b>: any.
/// </remarks>
internal sealed partial class ProxyConfigSource : IProxyConfigProvider, IDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    private readonly bool _asksForToken;
    private readonly AddressBook _addresses;
    private readonly GuardTable _guards;
    private readonly ProxyMetrics _metrics;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _reloading = new(1);
    private volatile State _state;

    public ProxyConfigSource(ProxySettings settings, bool asksForToken, AddressBook addresses, GuardTable guards, ProxyMetrics metrics, ILogger<ProxyConfigSource> logger)
    {
        _asksForToken = asksForToken;
        _addresses = addresses;
        _guards = guards;
        _metrics = metrics;
        _logger = logger;
        _state = Use(settings);
    }

    public ProxySettings Current => _state.Settings;

    /// <summary>Whether any route is to be taken before the inference protocol.</summary>
    public bool HasRoutesBeforeInference => _state.HasEarlyRoutes;

    /// <summary>The name that the configuration gives the limits of a route; null for none.</summary>
    public string? LimitOf(string route) => _state.Limits.GetValueOrDefault(route);

    public IProxyConfig GetConfig() => _state;

    /// <summary>Begins to watch the files.</summary>
    /// <param name="validator">YARP's own.</param>
    public void Watch(IConfigValidator validator, TimeProvider time) => _ = WatchAsync(validator, time, _stop.Token);

    public void Dispose()
    {
        // Under two names in the container, it is disposed twice.
        if (_stop.IsCancellationRequested) return;
        _stop.Cancel();
        _stop.Dispose();
        _reloading.Dispose();
    }

    /// <summary>Reads the files again, and takes what they say if it is good.</summary>
    internal async Task ReloadAsync(IConfigValidator validator)
    {
        // One after the other, each reading anew: the last to be taken is the last that was written.
        await _reloading.WaitAsync(_stop.Token).ConfigureAwait(false);
        try
        {
            await ReloadAloneAsync(validator).ConfigureAwait(false);
        }
        finally
        {
            _reloading.Release();
        }
    }

    private async Task ReloadAloneAsync(IConfigValidator validator)
    {
        List<string> problems = [];
        ProxySettings? settings = ProxySettingsReader.Read(Current.Files, _asksForToken, problems);
        if (settings is null && problems.Count == 0) problems.Add("there is no section ReverseProxy any more");
        if (problems.Count == 0) problems.AddRange(await ProxyCheck.ProblemsAsync(settings!, validator).ConfigureAwait(false));
        if (problems.Count > 0)
        {
            _metrics.ReloadFailed();
            foreach (string problem in problems) Log.Refused(_logger, problem);
            return;
        }

        State before = _state;
        _state = Use(settings!);
        _metrics.Keep(settings!);
        _metrics.Reloaded();
        Log.Taken(_logger, settings!.Routes.Count, settings.Clusters.Count);
        before.Replace();
    }

    private State Use(ProxySettings settings)
    {
        // Before YARP asks for addresses and clients.
        _addresses.Use(settings);
        _guards.Use(settings);
        return new State(settings);
    }

    private async Task WatchAsync(IConfigValidator validator, TimeProvider time, CancellationToken stop)
    {
        string[] seen = [.. Current.Files.Select(Stamp)];
        using PeriodicTimer timer = new(Period, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stop).ConfigureAwait(false))
            {
                try
                {
                    string[] stamps = [.. Current.Files.Select(Stamp)];
                    if (stamps.SequenceEqual(seen)) continue;
                    seen = stamps;
                    await ReloadAsync(validator).ConfigureAwait(false);
                }
#pragma warning disable CA1031 // Whatever went wrong, the files are watched on: the next change may be good.
                catch (Exception error) when (!stop.IsCancellationRequested)
#pragma warning restore CA1031
                {
                    _metrics.ReloadFailed();
                    Log.Failed(_logger, error);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
    }

    /// <summary>Differs when a file does: of a link, what it leads to counts.</summary>
    private static string Stamp(string path)
    {
        try
        {
            FileSystemInfo file = new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true) ?? new FileInfo(path);
            return file.Exists ? $"{file.FullName} {file.LastWriteTimeUtc.Ticks} {((FileInfo)file).Length}" : "";
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return error.Message;
        }
    }

    /// <summary>Settings as YARP takes them.</summary>
    private sealed class State : IProxyConfig
    {
        private readonly ConfigurationReloadToken _replaced = new();

        public State(ProxySettings settings)
        {
            Settings = settings;
            Routes = [.. settings.Routes.Select(RateLimiting.Named)];
            Limits = settings.Routes.Where(route => !string.IsNullOrEmpty(route.RateLimiterPolicy)).ToDictionary(route => route.RouteId, route => route.RateLimiterPolicy!, StringComparer.OrdinalIgnoreCase);
            HasEarlyRoutes = settings.Routes.Any(route => RouteMetadata.Parse(route, []).BeforeInference);
        }

        public ProxySettings Settings { get; }

        public IReadOnlyList<RouteConfig> Routes { get; }

        public IReadOnlyList<ClusterConfig> Clusters => Settings.Clusters;

        public IReadOnlyDictionary<string, string> Limits { get; }

        public bool HasEarlyRoutes { get; }

        public IChangeToken ChangeToken => _replaced;

        public void Replace() => _replaced.OnReload();
    }

    private static partial class Log
    {
        [LoggerMessage(4500, LogLevel.Error, "The proxy's changed configuration is not taken, what was in use stays so: {Problem}", EventName = "ProxyConfigRefused")]
        public static partial void Refused(ILogger logger, string problem);

        [LoggerMessage(4502, LogLevel.Error, "The proxy's changed configuration could not be looked at; what was in use stays so, and the files are watched on.", EventName = "ProxyConfigFailed")]
        public static partial void Failed(ILogger logger, Exception error);

        [LoggerMessage(4501, LogLevel.Information, "The proxy's changed configuration is in use: {Routes} routes, {Clusters} clusters", EventName = "ProxyConfigTaken")]
        public static partial void Taken(ILogger logger, int routes, int clusters);
    }
}
