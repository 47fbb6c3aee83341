using System.Text;
using Gateway.Client;
using Gateway.Protocol;

namespace Gateway.IntegrationTests.Overflow;

/// <summary>A request that a replica has kept until its time was over, and that comes back: what it has left is counted from its arrival, over every protocol.</summary>
public sealed class OneDeadlineTests : FleetTesting
{
    private const int RunMilliseconds = 500;
    private const int ObjectiveMilliseconds = 800;

    [Fact]
    public async Task ReplicaDoesNotAnswer_IsRefusedHere_ByTheTimeThatItHad()
    {
        using TimedRepository repository = new(ObjectiveMilliseconds, runMilliseconds: RunMilliseconds);
        await using GatewayProcess other = await GatewayProcess.ServeTimedAsync("--model-repository", repository.Folder);
        await using GatewayProcess one = await GatewayProcess.ServeTimedAsync("--model-repository", repository.Folder, "--overflow-poll-ms", "1000", "--overflow-replica", other.HttpAddress);
        await AwaitReportsAsync(one);
        await AwaitReportsAsync(one, over: "gRPC");
        foreach (string over in new[] { "HTTP", "frames", "stream" })
        {
            string refusal = "";
            for (int attempt = 0; attempt < 4 && refusal.Length == 0; attempt++)
            {
                long sent = Sent(await MetricsAsync(one));
                Task<string> first = AskAsync(one, over, 1);
                while (!first.IsCompleted && await UnderWayAsync(one) == 0) await DelayAsync(0.01);
                other.Signal(GatewayProcess.Pause);
                string second = await AskAsync(one, over, 2);
                other.Signal(GatewayProcess.Resume);
                await first;

                // Where the machine has stalled it may have been answered here.
                if (Sent(await MetricsAsync(one)) > sent) refusal = second;
            }

            Assert.Equal((over, true), (over, refusal.Contains("Request timeout expired", StringComparison.Ordinal) || refusal.Contains($"its deadline is {ObjectiveMilliseconds}.000 ms", StringComparison.Ordinal)));
        }
    }

    private static async Task<long> UnderWayAsync(GatewayProcess process)
    {
        string metrics = await MetricsAsync(process);
        return Sum(metrics, "gateway_requests_accepted_total") - Sum(metrics, "gateway_requests_total");
    }

    /// <returns>Why it was refused; empty where it was not.</returns>
    private static async Task<string> AskAsync(GatewayProcess asked, string over, long number)
    {
        if (over == "stream") return (await StreamOfNumbers.AskAsync(asked, number)).Error;
        if (over == "HTTP")
        {
            using HttpClient http = new();
            using StringContent body = new($$"""{"inputs":[{"name":"x","datatype":"INT64","shape":[1,1],"data":[{{Text((int)number)}}]}]}""", Encoding.UTF8, "application/json");
            using HttpResponseMessage answer = await http.PostAsync(new Uri(new Uri(asked.HttpAddress), "/v2/models/timed/infer"), body, TestContext.Current.CancellationToken);
            return answer.IsSuccessStatusCode ? "" : await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        }

        await using InferenceClient client = new(new InferenceClientOptions { Endpoints = { asked.FramesAddress }, MaxAttempts = 1, Timeout = Timeout.InfiniteTimeSpan });
        try
        {
            using InferenceResponse answer = await client.InferAsync(new InferenceRequest("timed").AddInput("x", new[] { number }, 1, 1), TestContext.Current.CancellationToken);
            return "";
        }
        catch (InferenceException error)
        {
            return error.Message;
        }
    }
}
