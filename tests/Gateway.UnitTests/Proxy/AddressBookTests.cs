using Gateway.Server.Proxy.Configuration;
using Gateway.Server.Proxy.Destinations;
using Gateway.Server.Proxy.Metrics;
using Gateway.UnitTests.OpenInference;
using Microsoft.Extensions.Logging.Abstractions;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.ServiceDiscovery;

namespace Gateway.UnitTests.Proxy;

public sealed class AddressBookTests : IAsyncDisposable
{
    private const string Address = "dns+http://api.test:8000";

    private readonly TestDnsServer _server = new();
    private readonly ProxyMetrics _metrics = new();
    private readonly AddressBook _book;

    public AddressBookTests() => _book = new AddressBook(_metrics, TimeProvider.System, NullLogger<AddressBook>.Instance);

    public async ValueTask DisposeAsync()
    {
        _book.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Resolve_StaticAddress_IsLeftAsItIs()
    {
        Dictionary<string, DestinationConfig> destinations = new() { ["a"] = new DestinationConfig { Address = "http://10.0.0.1" } };

        ResolvedDestinationCollection resolved = await _book.ResolveDestinationsAsync(destinations, TestContext.Current.CancellationToken);

        Assert.Same(destinations["a"], resolved.Destinations["a"]);
        Assert.Null(resolved.ChangeToken);
    }

    [Fact]
    public async Task Resolve_NameThatChanges_FiresOnceAndKeepsTheNamesOfThoseThatStay()
    {
        _server.SetHosts("api.test", 0, "10.0.0.1", "10.0.0.2");
        ResolvedDestinationCollection before = await ResolveAsync();

        _server.SetHosts("api.test", 0, "10.0.0.2", "10.0.0.3");
        await Eventually.TrueAsync(() => before.ChangeToken!.HasChanged, "the change is told");
        ResolvedDestinationCollection after = await ResolveAsync();

        Assert.Equal(["d[10.0.0.1:8000]", "d[10.0.0.2:8000]"], before.Destinations.Keys.Order());
        Assert.Equal(["d[10.0.0.2:8000]", "d[10.0.0.3:8000]"], after.Destinations.Keys.Order());
        Assert.Equal("api.test:8000", after.Destinations["d[10.0.0.3:8000]"].Host);
        Assert.Equal("http://10.0.0.3:9000/health", after.Destinations["d[10.0.0.3:8000]"].Health);
        Assert.False(after.ChangeToken!.HasChanged);
    }

    [Fact]
    public async Task Resolve_NameThatIsGone_KeepsTheLastAnswerAndCounts()
    {
        _server.SetHosts("api.test", 0, "10.0.0.1");
        ResolvedDestinationCollection before = await ResolveAsync();

        _server.Remove("api.test");
        await Eventually.TrueAsync(() => _metrics.ForResolution(Address).Failures > 2, "it has failed");

        Assert.Equal(["d[10.0.0.1:8000]"], (await ResolveAsync()).Destinations.Keys);
        Assert.False(before.ChangeToken!.HasChanged);
    }

    [Fact]
    public async Task Resolve_NameThatComesLater_IsToldThen()
    {
        ResolvedDestinationCollection before = await ResolveAsync();
        Assert.Empty(before.Destinations);

        _server.SetHosts("api.test", 60, "10.0.0.1");
        await Eventually.TrueAsync(() => before.ChangeToken!.HasChanged, "the change is told");

        Assert.Single((await ResolveAsync()).Destinations);
    }

    [Fact]
    public async Task Use_SettingsWithoutIt_ForgetsAnAddress()
    {
        _server.SetHosts("api.test", 0, "10.0.0.1");
        await ResolveAsync();

        _book.Use(Settings());

        Assert.Empty(_metrics.Resolutions);
    }

    private async Task<ResolvedDestinationCollection> ResolveAsync()
    {
        Dictionary<string, DestinationConfig> destinations = new() { ["d"] = new DestinationConfig { Address = Address, Health = "http://api.test:9000/health" } };
        _book.Use(Settings(new ClusterConfig { ClusterId = "c", Destinations = destinations }));
        return await _book.ResolveDestinationsAsync(destinations, TestContext.Current.CancellationToken);
    }

    private ProxySettings Settings(params ClusterConfig[] clusters)
    {
        TimeSpan soon = TimeSpan.FromMilliseconds(100);
        DnsOptions dns = new() { NameServers = [_server.Address], MinimumTtl = soon, RetryInterval = soon };
        return new ProxySettings([], [], clusters, new ProxyOptions(), new Dictionary<string, RateLimitOptions>(), new Dictionary<string, ResilienceOptions>(), dns);
    }
}
