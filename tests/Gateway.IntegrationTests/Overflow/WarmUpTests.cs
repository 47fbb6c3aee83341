using System.Net;
using System.Text;

namespace Gateway.IntegrationTests.Overflow;

/// <summary>Requests with which gateways warm each other up, at one whose tenants have next to nothing.</summary>
public sealed class WarmUpTests : FleetTesting
{
    private static readonly Dictionary<string, string> OneRequest = new()
    {
        ["GATEWAY__TENANTS__DEFAULT__MAXREQUESTSPERSECOND"] = "0.001",
        ["GATEWAY__TENANTS__DEFAULT__REQUESTBURST"] = "1",
    };

    [Fact]
    public async Task WarmUps_AreNoTenants_AndWhatAClientCallsOneIsItsOwn()
    {
        using TimedRepository repository = new(objectiveMilliseconds: 0);
        await using GatewayProcess there = await GatewayProcess.ServeTimedAsync(OneRequest, "--model-repository", repository.Folder);
        await using GatewayProcess here = await GatewayProcess.ServeTimedAsync("--model-repository", repository.Folder, "--overflow-replica", there.HttpAddress);
        await AwaitReportsAsync(here);
        await AwaitReportsAsync(here, over: "gRPC");

        Assert.Equal(0, Sum(await MetricsAsync(there), "gateway_tenant_requests_total"));
        Assert.Equal(0, Sum(await MetricsAsync(there), "gateway_tenant_refused_requests_total"));
        Assert.Equal(HttpStatusCode.OK, await CallItAWarmUpAsync(there));
        Assert.Equal(HttpStatusCode.TooManyRequests, await CallItAWarmUpAsync(there));
    }

    private static async Task<HttpStatusCode> CallItAWarmUpAsync(GatewayProcess asked)
    {
        using HttpClient http = new();
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri(new Uri(asked.HttpAddress), "/v2/models/timed/infer"))
        {
            Content = new StringContent("""{"inputs":[{"name":"x","datatype":"INT64","shape":[1,1],"data":[1]}]}""", Encoding.UTF8, "application/json"),
            Headers = { { "Cache-Control", "no-cache, no-store" }, { "Gateway-Origin", "0123456789abcdef" }, { "Gateway-Warm-Up", "1" } },
        };
        using HttpResponseMessage answer = await http.SendAsync(request, TestContext.Current.CancellationToken);
        return answer.StatusCode;
    }
}
