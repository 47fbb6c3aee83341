using System.Net;
using System.Text;
using Gateway.TestSupport.Grpc;

namespace Gateway.IntegrationTests.Overflow;

/// <summary>Rows that are answered elsewhere: drawn from the rate of their tenant where they came, if who answers them knows no tenants, and there if it is a gateway.</summary>
public sealed class TenantRowsTests : FleetTesting
{
    private static readonly Dictionary<string, string> FourRows = new()
    {
        ["GATEWAY__TENANTS__DEFAULT__MAXROWSPERSECOND"] = "0.001",
        ["GATEWAY__TENANTS__DEFAULT__ROWBURST"] = "4.5",
    };

    [Fact]
    public async Task AnsweredByAnotherServer_IsDrawnHere_OverHttpAndGrpc()
    {
        using TimedRepository another = new(name: "another");
        using TimedRepository repository = new(objectiveMilliseconds: 0);
        await using GatewayProcess other = await GatewayProcess.ServeTimedAsync("--model-repository", repository.Folder);
        await using ForeignReplica foreign = await ForeignReplica.StartAsync(other.HttpAddress);
        await using GatewayProcess one = await GatewayProcess.ServeTimedAsync(FourRows, "--model-repository", another.Folder, "--overflow-replica", $"{foreign.Address} grpc={Text(new Uri(other.GrpcAddress).Port)}");
        await AwaitReportsAsync(one);
        await AwaitReportsAsync(one, over: "gRPC");

        Assert.Equal(HttpStatusCode.OK, await PostAsync(one, rows: 4));
        using (GrpcChannel channel = new(one.GrpcAddress))
        {
            using GrpcCall call = channel.Open(InferCodec.InferPath);
            await call.WriteAsync(StreamOfNumbers.Request(1));
            call.Close();
            Assert.NotNull(await call.ReadAsync());
        }

        Assert.Equal(HttpStatusCode.TooManyRequests, await PostAsync(one, rows: 1));
        Assert.Equal(5, Sum(await MetricsAsync(one), "gateway_tenant_rows_total"));
    }

    [Fact]
    public async Task AnsweredByAGateway_IsDrawnThereAlone()
    {
        using TimedRepository another = new(name: "another");
        using TimedRepository repository = new(objectiveMilliseconds: 0);
        await using GatewayProcess other = await GatewayProcess.ServeTimedAsync("--model-repository", repository.Folder);
        await using GatewayProcess one = await GatewayProcess.ServeTimedAsync(FourRows, "--model-repository", another.Folder, "--overflow-replica", other.HttpAddress);
        await AwaitReportsAsync(one);

        for (int i = 0; i < 4; i++) Assert.Equal(HttpStatusCode.OK, await PostAsync(one, rows: 4));
        Assert.Equal(0, Sum(await MetricsAsync(one), "gateway_tenant_rows_total"));
    }

    private static async Task<HttpStatusCode> PostAsync(GatewayProcess asked, int rows)
    {
        using HttpClient http = new();
        string data = string.Join(',', Enumerable.Range(1, rows));
        using StringContent body = new($$"""{"inputs":[{"name":"x","datatype":"INT64","shape":[{{Text(rows)}},1],"data":[{{data}}]}]}""", Encoding.UTF8, "application/json");
        using HttpResponseMessage answer = await http.PostAsync(new Uri(new Uri(asked.HttpAddress), "/v2/models/timed/infer"), body, TestContext.Current.CancellationToken);
        return answer.StatusCode;
    }
}
