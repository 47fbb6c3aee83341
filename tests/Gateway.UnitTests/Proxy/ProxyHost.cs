using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Tenants;
using Gateway.Server.Hosting;
using Gateway.Server.MessagePack;
using Gateway.Server.OpenInference;
using Gateway.Server.Proxy.Configuration;
using Gateway.UnitTests.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.UnitTests.Proxy;

/// <summary>A server whose proxy is configured by a file.</summary>
internal sealed class ProxyHost : IAsyncDisposable
{
    private readonly string _folder;
    private readonly GatewayHost _host;
    private readonly IServiceProvider _services;

    private ProxyHost(string folder, GatewayHost host, IServiceProvider services)
    {
        _folder = folder;
        _host = host;
        _services = services;
        Client = new HttpClient { BaseAddress = new Uri(host.HttpAddress) };
    }

    public HttpClient Client { get; }

    public ModelCatalog Catalog => _services.GetRequiredService<ModelCatalog>();

    public TenantDirectory Tenants => _services.GetRequiredService<TenantDirectory>();

    public BlockPool Pool => _services.GetRequiredService<BlockPool>();

    /// <summary>Starts it with the text of a file, in which <c>$0</c>, <c>$1</c> … stand for the addresses.</summary>
    public static Task<ProxyHost> StartAsync(string text, string? token = null, params string[] addresses) => StartRestrictedAsync(text, [], token, addresses);

    /// <param name="restricted">As <see cref="ServerOptions.HttpRestrictedApi"/>.</param>
    public static Task<ProxyHost> StartRestrictedAsync(string text, string[] restricted, string? token = null, params string[] addresses) =>
        StartWithAsync(text, new ServerOptions { HttpRestrictedApi = restricted, AccessToken = token }, addresses);

    /// <param name="options">As they are, but for ports and the proxy.</param>
    public static async Task<ProxyHost> StartWithAsync(string text, ServerOptions options, params string[] addresses)
    {
        string folder = Directory.CreateTempSubdirectory("gateway").FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, "proxy.json"), With(text, addresses));
        List<string> problems = [];
        ProxySettings settings = ProxySettingsReader.Read(ProxySettingsReader.Files(folder, Path.Combine(folder, "proxy.json")), options.AccessToken is not null, problems)!;
        Assert.Empty(problems);
        Assert.Empty(ProxyCheck.Problems(settings));
        IServiceProvider? services = null;
        GatewayHost host = GatewayHost.Build(
            options with { HttpPort = 0, MetricsPort = 0, AllowGrpc = false, AllowFrames = false, Proxy = settings },
            TimeProvider.System,
            all => all.AddSingleton<IModelLoader, NoModels>().AddOpenInference().AddMessagePack().AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance),
            app =>
            {
                services = app.Services;
                app.UseMessagePack().UseOpenInference();
            });
        await host.StartAsync(TestContext.Current.CancellationToken);
        return new ProxyHost(folder, host, services!);
    }

    /// <summary>Changes the file, and has it read at once.</summary>
    public async Task ChangeAsync(string text, params string[] addresses)
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "proxy.json"), With(text, addresses));
        await _services.GetRequiredService<ProxyConfigSource>().ReloadAsync(_services.GetRequiredService<IConfigValidator>());
    }

    /// <summary>Changes the file, and waits for nobody.</summary>
    public Task WriteAsync(string text, params string[] addresses) => File.WriteAllTextAsync(Path.Combine(_folder, "proxy.json"), With(text, addresses));

    /// <summary>Has somebody else watch the file, too.</summary>
    public void Watch(IConfigValidator validator) => _services.GetRequiredService<ProxyConfigSource>().Watch(validator, TimeProvider.System);

    public Task<int> StopAsync() => _host.StopAsync();

    /// <summary>The status and body of an answer.</summary>
    public async Task<(int Status, string Body)> GetAsync(string path)
    {
        using HttpResponseMessage answer = await Client.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    public async Task<PrometheusText> ScrapeAsync() => PrometheusText.Parse(await Client.GetStringAsync(new Uri(_host.MetricsAddress + "/metrics"), TestContext.Current.CancellationToken));

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _host.StopAsync();
        await _host.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private static string With(string text, string[] addresses)
    {
        for (int i = 0; i < addresses.Length; i++) text = text.Replace($"${i}", addresses[i], StringComparison.Ordinal);
        return text;
    }

    private sealed class NoModels : IModelLoader
    {
        public Task LoadAsync(CancellationToken cancellation) => Task.CompletedTask;

        public Task<int> StopAsync(TimeSpan grace) => Task.FromResult(0);
    }
}
