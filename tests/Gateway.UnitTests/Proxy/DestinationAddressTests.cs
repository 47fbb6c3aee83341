using System.Text;
using Gateway.Server.Proxy.Destinations;

namespace Gateway.UnitTests.Proxy;

public sealed class DestinationAddressTests
{
    [Theory]
    [InlineData("http://10.0.0.1:8000", "Static", "http://10.0.0.1:8000/")]
    [InlineData("https://api.test/base", "Static", "https://api.test/base")]
    [InlineData("dns+http://api.test:8000/base", "Dns", "http://api.test:8000/base")]
    [InlineData("srv+https://_http._tcp.api.test", "Srv", "https://_http._tcp.api.test/")]
    [InlineData("file:///etc/replicas", "File", "file:///etc/replicas")]
    public void Parse_Good_IsTakenApart(string text, string kind, string target)
    {
        Assert.Null(DestinationAddress.Parse(text, out DestinationAddress address));

        Assert.Equal(kind, address.Kind.ToString());
        Assert.Equal(target, address.Target.AbsoluteUri);
    }

    [Theory]
    [InlineData("api.test:8000")]
    [InlineData("ftp://a")]
    [InlineData("/etc/replicas")]
    [InlineData("file://host/etc/replicas")]
    [InlineData("dns+file:///etc/replicas")]
    [InlineData("dns+http://10.0.0.1")]
    [InlineData("srv+http://_http._tcp.api.test:8000")]
    [InlineData("http://user@a")]
    [InlineData("http://a?x=1")]
    [InlineData("dns+")]
    [InlineData("")]
    public void Parse_Bad_SaysWhy(string text) => Assert.Contains($"'{text}'", DestinationAddress.Parse(text, out _), StringComparison.Ordinal);

    [Fact]
    public void Parse_AnyText_IsReadOrRefused()
    {
        const int Seed = 20261127;
        Random random = new(Seed);
        string[] parts = ["dns+", "srv+", "http://", "https://", "file://", "/", "a", "10.0.0.1", "[::1]", ":", "80", "99999", "?", "#", "@", "%", "\\", " ", "\ud800", "é"];
        for (int i = 0; i < 20_000; i++)
        {
            StringBuilder text = new();
            for (int part = random.Next(8); part > 0; part--) text.Append(parts[random.Next(parts.Length)]);
            if (DestinationAddress.Parse(text.ToString(), out DestinationAddress address) is null) Assert.True(address.Target.IsAbsoluteUri);
        }
    }
}
