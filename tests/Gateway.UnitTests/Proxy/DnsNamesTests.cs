using Gateway.Server.Proxy.Configuration;
using Gateway.Server.Proxy.Destinations;

namespace Gateway.UnitTests.Proxy;

public sealed class DnsNamesTests : IAsyncDisposable
{
    private readonly TestDnsServer _server = new();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task FindHosts_BothKinds_AreAddressesWithPortPathAndName()
    {
        _server.SetHosts("api.test", 30, "10.0.0.2", "10.0.0.1", "fd00::1");

        FoundAddresses found = await Names().FindHostsAsync(new Uri("http://api.test:8000/base"), TestContext.Current.CancellationToken);

        Assert.Equal(["http://10.0.0.1:8000/base", "http://10.0.0.2:8000/base", "http://[fd00::1]:8000/base"], found.Addresses.Select(each => each.Address.AbsoluteUri));
        Assert.All(found.Addresses, each => Assert.Equal("api.test:8000", each.Host));
        Assert.Equal(TimeSpan.FromSeconds(30), found.ValidFor);
    }

    [Fact]
    public async Task FindHosts_Alias_IsValidForTheLeastOfAllTimes()
    {
        _server.SetAlias("api.test", 7, "other.test");
        _server.SetHosts("other.test", 30, "10.0.0.1");

        FoundAddresses found = await Names().FindHostsAsync(new Uri("https://api.test"), TestContext.Current.CancellationToken);

        Assert.Equal("https://10.0.0.1/", Assert.Single(found.Addresses).Address.AbsoluteUri);
        Assert.Equal(TimeSpan.FromSeconds(7), found.ValidFor);
    }

    [Theory]
    [InlineData(0, 2)]
    [InlineData(100_000, 60)]
    public async Task FindHosts_TimeOutOfRange_IsTheLimit(uint ttl, int seconds)
    {
        _server.SetHosts("api.test", ttl, "10.0.0.1");
        DnsNames names = Names(new DnsOptions { MinimumTtl = TimeSpan.FromSeconds(2), MaximumTtl = TimeSpan.FromSeconds(60) });

        FoundAddresses found = await names.FindHostsAsync(new Uri("http://api.test"), TestContext.Current.CancellationToken);

        Assert.Equal(TimeSpan.FromSeconds(seconds), found.ValidFor);
    }

    [Fact]
    public async Task FindServices_SeveralPriorities_TakesTheFirstWithPortsAndWeights()
    {
        _server.SetServices("_http._tcp.api.test", 20, (1, 3, 8001, "a.test"), (1, 0, 8002, "b.test"), (2, 9, 9000, "spare.test"));
        _server.SetHosts("a.test", 30, "10.0.0.1");
        _server.SetHosts("b.test", 10, "10.0.0.2");

        FoundAddresses found = await Names().FindServicesAsync(new Uri("http://_http._tcp.api.test/base"), TestContext.Current.CancellationToken);

        Assert.Equal(["http://10.0.0.1:8001/base", "http://10.0.0.2:8002/base"], found.Addresses.Select(each => each.Address.AbsoluteUri));
        Assert.Equal(["a.test:8001", "b.test:8002"], found.Addresses.Select(each => each.Host));
        Assert.Equal([KeyValuePair.Create("weight", "3")], found.Addresses[0].Metadata());
        Assert.Empty(found.Addresses[1].Metadata());
        Assert.Equal(TimeSpan.FromSeconds(10), found.ValidFor);
    }

    [Fact]
    public async Task FindServices_OneTargetIsUnknown_TheOthersAreFound_AndItIsSoonAskedAgain()
    {
        _server.SetServices("_http._tcp.api.test", 20, (1, 0, 8001, "a.test"), (1, 0, 8002, "none.test"));
        _server.SetHosts("a.test", 30, "10.0.0.1");
        DnsOptions options = new();

        FoundAddresses found = await Names(options).FindServicesAsync(new Uri("http://_http._tcp.api.test/"), TestContext.Current.CancellationToken);

        Assert.Equal("http://10.0.0.1:8001/", Assert.Single(found.Addresses).Address.AbsoluteUri);
        Assert.Equal(options.MinimumTtl, found.ValidFor);
    }

    [Fact]
    public async Task Find_UnknownName_SaysWhich()
    {
        ResolutionException host = await Assert.ThrowsAsync<ResolutionException>(() => Names().FindHostsAsync(new Uri("http://none.test"), TestContext.Current.CancellationToken));
        ResolutionException service = await Assert.ThrowsAsync<ResolutionException>(() => Names().FindServicesAsync(new Uri("http://_http._tcp.none.test"), TestContext.Current.CancellationToken));

        Assert.StartsWith("none.test: ", host.Message, StringComparison.Ordinal);
        Assert.StartsWith("_http._tcp.none.test: ", service.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Find_ServerThatIsSilent_FailsWithinItsTime()
    {
        _server.IsSilent = true;

        await Assert.ThrowsAsync<ResolutionException>(() => Names(new DnsOptions { Timeout = TimeSpan.FromMilliseconds(100) }).FindHostsAsync(new Uri("http://api.test"), TestContext.Current.CancellationToken));

        Assert.True(_server.Queries >= 2);
    }

    private DnsNames Names(DnsOptions? options = null) => new((options ?? new DnsOptions()) with { NameServers = [_server.Address] });
}
