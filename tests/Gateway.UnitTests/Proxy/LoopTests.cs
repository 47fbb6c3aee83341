using System.Net.Http.Headers;

namespace Gateway.UnitTests.Proxy;

/// <summary>Gateways whose routes lead to each other, or back to themselves: an error, once.</summary>
public sealed class LoopTests
{
    private const string ToOther = """
        { "ReverseProxy": { "Routes": { "r": { "ClusterId": "c", "Match": { "Path": "/api/{**rest}" } } }, "Clusters": { "c": { "Destinations": { "a": { "Address": "$0" } } } } } }
        """;

    private const string Twice = """
        { "ReverseProxy": { "Routes": {
            "r": { "ClusterId": "self", "Match": { "Path": "/api/{**rest}" }, "Transforms": [ { "PathSet": "/inner" } ] },
            "s": { "ClusterId": "up", "Match": { "Path": "/inner" } } },
          "Clusters": { "self": { "Destinations": { "a": { "Address": "$0" } } }, "up": { "Destinations": { "a": { "Address": "$1" } } } } } }
        """;

    [Fact]
    public async Task EachOthersUpstreams_AnswerOnce()
    {
        await using ProxyHost one = await ProxyHost.StartAsync(ToOther, null, "http://127.0.0.1:9");
        await using ProxyHost other = await ProxyHost.StartAsync(ToOther, null, one.Client.BaseAddress!.ToString());
        await one.ChangeAsync(ToOther, other.Client.BaseAddress!.ToString());

        Assert.Equal((508, "{\"error\":\"route 'r': the request has come round to the route that passed it on: its upstreams lead back here\"}"), await one.GetAsync("/api/x"));

        // The one passed it on, the other passed it on, and the one would have done so again.
        Assert.Equal(2, (await one.ScrapeAsync())["gateway_proxy_requests_total{route=\"r\",status=\"508\"}"]);
        Assert.Equal(1, (await other.ScrapeAsync())["gateway_proxy_requests_total{route=\"r\",status=\"508\"}"]);
    }

    [Fact]
    public async Task OwnUpstream_AnswersOnce_InGrpcsWordsWhereThoseAreSpoken()
    {
        await using ProxyHost host = await ProxyHost.StartAsync(ToOther, null, "http://127.0.0.1:9");
        await host.ChangeAsync(ToOther, host.Client.BaseAddress!.ToString());
        using ByteArrayContent body = new([]);
        body.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");

        Assert.Equal(508, (await host.GetAsync("/api/x")).Status);
        using HttpResponseMessage grpc = await host.Client.PostAsync(new Uri("/api/x", UriKind.Relative), body, TestContext.Current.CancellationToken);

        Assert.Equal("14", Assert.Single(grpc.Headers.GetValues("grpc-status")));
        Assert.Contains("come%20round", Assert.Single(grpc.Headers.GetValues("grpc-message")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ThroughTheSameGatewayByAnotherRoute_IsNoLoop()
    {
        await using Upstream upstream = await Upstream.StartAsync(static context =>
        {
            Assert.Equal(2, context.Request.Headers["Gateway-Passed-By"].ToString().Split(',').Length);
            return Microsoft.AspNetCore.Http.HttpResponseWritingExtensions.WriteAsync(context.Response, "up");
        });
        await using ProxyHost host = await ProxyHost.StartAsync(Twice, null, "http://127.0.0.1:9", upstream.Address);
        await host.ChangeAsync(Twice, host.Client.BaseAddress!.ToString(), upstream.Address);

        Assert.Equal((200, "up"), await host.GetAsync("/api/x"));
    }
}
