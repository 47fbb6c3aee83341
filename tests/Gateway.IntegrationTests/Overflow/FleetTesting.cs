using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;

namespace Gateway.IntegrationTests.Overflow;

/// <summary>What tests with several real servers have in common.</summary>
public abstract class FleetTesting : IDisposable
{
    private readonly TimedRepository _repository = new();

    public void Dispose()
    {
        _repository.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected Task<GatewayProcess> ServeAsync(params string[] replicas) => ServeAsync(replicas, []);

    private protected Task<GatewayProcess> ServeAsync(string[] replicas, params string[] arguments) =>
        GatewayProcess.ServeTimedAsync(["--model-repository", _repository.Folder, .. replicas.SelectMany(replica => new[] { "--overflow-replica", replica }), .. arguments]);

    /// <summary>Asks for the number after a number, as often as it is refused.</summary>
    /// <returns>Whether another has answered.</returns>
    private protected static async Task<bool> AskAsync(HttpClient http, GatewayProcess asked, int number)
    {
        while (true)
        {
            using StringContent body = new($$"""{"inputs":[{"name":"x","datatype":"INT64","shape":[1,1],"data":[{{Text(number)}}]}]}""");
            using HttpResponseMessage answer = await http.PostAsync(new Uri(new Uri(asked.HttpAddress), "/v2/models/timed/infer"), body, TestContext.Current.CancellationToken);
            string text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            if (answer.StatusCode == HttpStatusCode.ServiceUnavailable)
            {
                await DelayAsync(0.05);
                continue;
            }

            Assert.Contains($"\"data\":[{Text(number + 1)}]", text, StringComparison.Ordinal);
            return answer.Headers.Contains("Gateway-Served-By");
        }
    }

    /// <summary>Waits until the replicas that are there are warm.</summary>
    private protected static async Task AwaitReportsAsync(GatewayProcess process, int replicas = 1, string over = "HTTP")
    {
        while (Regex.Count(process.Error, $"warmed up over {over}|reports: this gateway itself") < replicas) await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, TestContext.Current.CancellationToken);
    }

    private protected static async Task<string> MetricsAsync(GatewayProcess process)
    {
        using HttpClient http = new();
        return await http.GetStringAsync(new Uri(process.MetricsAddress), TestContext.Current.CancellationToken);
    }

    /// <summary>What one has sent the other has received, but for what was given up on the way, and nothing else.</summary>
    private protected static void AssertReceived(string sent, string received) =>
        Assert.InRange(Sum(received, "gateway_overflow_received_total"), Sum(sent, "gateway_replica_requests_total{outcome=\"answered\""), Sent(sent));

    /// <summary>What was sent is answered, refused, or was given up and counted so; and clients have had an answer or a refusal to each.</summary>
    private protected static void AssertConserved(string metrics, FleetClient client)
    {
        Assert.Equal(client.Elsewhere, Sum(metrics, "gateway_replica_requests_total{outcome=\"answered\""));
        Assert.Equal(0, Sum(metrics, "gateway_replica_in_flight_requests"));
        Assert.Equal(client.Sent, client.Good + client.Refused);
    }

    /// <summary>More than one without replicas answers on this machine at the same load, as busy as that may be.</summary>
    private protected static void AssertMoreThanAlone(int good, FleetClient client, FleetClient alone) =>
        Assert.True(good > 1.2 * alone.Good, $"{Text(good)} of {client}; one alone: {alone}");

    private protected static Task DelayAsync(double seconds) => Task.Delay(TimeSpan.FromSeconds(seconds), TimeProvider.System, TestContext.Current.CancellationToken);

    private protected static long Unanswered(string metrics) =>
        Sum(metrics, "gateway_replica_requests_total{outcome=\"timed_out\"") + Sum(metrics, "gateway_replica_requests_total{outcome=\"abandoned\"");

    private protected static long Sent(string metrics) => Sum(metrics, "gateway_replica_requests_total");

    private protected static long Sum(string metrics, string start) =>
        metrics.Split('\n').Where(line => line.StartsWith(start, StringComparison.Ordinal)).Sum(line => long.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));

    private protected static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private protected static int[] FreePorts(int count)
    {
        TcpListener[] listeners = [.. Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0))];
        foreach (TcpListener listener in listeners) listener.Start();
        int[] ports = [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        foreach (TcpListener listener in listeners) listener.Dispose();
        return ports;
    }

    private protected sealed class TempFolder : IDisposable
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gateway-empty-");

        public string Path => _folder.FullName;

        public void Dispose() => _folder.Delete(recursive: true);
    }
}
