using Gateway.UnitTests.Client;
using Microsoft.AspNetCore.Http;

namespace Gateway.UnitTests.Proxy;

/// <summary>Upstreams whose certificates nobody has signed that this machine knows.</summary>
public sealed class CertificateTests
{
    private const string Text = """
        { "ReverseProxy": { "Routes": { "r": { "ClusterId": "c", "Match": { "Path": "/api" } }, "s": { "ClusterId": "any", "Match": { "Path": "/any" } } },
          "Clusters": {
            "c": { "Destinations": { "a": { "Address": "$0" } } },
            "any": { "HttpClient": { "DangerousAcceptAnyServerCertificate": true }, "Destinations": { "a": { "Address": "$0" } } } } } }
        """;

    [Fact]
    public async Task UnknownAuthority_IsAClearError_AndNoAddressIsTold_UnlessAnyIsAccepted()
    {
        using TestCertificate certificate = new();
        await using Upstream upstream = await Upstream.StartAsync(static context => context.Response.WriteAsync("up"), certificate.Server);
        await using ProxyHost host = await ProxyHost.StartAsync(Text, null, upstream.Address);

        Assert.Equal((502, "{\"error\":\"route 'r': no secure connection to the upstream can be made\"}"), await host.GetAsync("/api"));
        Assert.Equal(0, upstream.Requests);
        Assert.Equal((200, "up"), await host.GetAsync("/any"));
    }
}
