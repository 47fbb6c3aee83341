using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Gateway.IntegrationTests.Overflow;

/// <summary>Sends numbers at a steady rate, whatever becomes of those before, and checks that each comes back as the next number.</summary>
internal sealed class FleetClient(string address) : IDisposable
{
    private static readonly Regex NumberPattern = new("[0-9]+");

    private readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = 512 }) { BaseAddress = new Uri(address), Timeout = TimeSpan.FromSeconds(10) };
    private long _next;

    /// <summary>Sent.</summary>
    public int Sent => (int)Volatile.Read(ref _next);

    /// <summary>Answered with the right number.</summary>
    public int Good;

    /// <summary>Of those, by another server than the one that was asked.</summary>
    public int Elsewhere;

    /// <summary>Refused with 503.</summary>
    public int Refused;

    /// <summary>The texts of those.</summary>
    public ConcurrentBag<string> Refusals { get; } = [];

    /// <summary>What was neither.</summary>
    public ConcurrentBag<string> Problems { get; } = [];

    /// <summary>The longest time that an answer or a refusal took.</summary>
    public double SlowestMilliseconds { get; private set; }

    /// <summary>Sends so many a second for so long, and waits for the answers.</summary>
    public Task SendAsync(double rate, TimeSpan time) => SendUntilAsync(rate, time, CancellationToken.None);

    /// <summary>Likewise.</summary>
    /// <param name="stop">Ends it early.</param>
    public async Task SendUntilAsync(double rate, TimeSpan time, CancellationToken stop)
    {
        List<Task> calls = [];
        long start = TimeProvider.System.GetTimestamp();
        for (int i = 0; i < rate * time.TotalSeconds && !stop.IsCancellationRequested; i++)
        {
            TimeSpan early = TimeSpan.FromSeconds(i / rate) - TimeProvider.System.GetElapsedTime(start);
            if (early > TimeSpan.FromMilliseconds(1)) await Task.Delay(early, TimeProvider.System, CancellationToken.None);
            calls.Add(CallAsync());
        }

        await Task.WhenAll(calls);
    }

    /// <summary>Sends one.</summary>
    public async Task CallAsync(string model = "timed")
    {
        long number = Interlocked.Increment(ref _next);
        long start = TimeProvider.System.GetTimestamp();
        try
        {
            using StringContent body = new($$"""{"inputs":[{"name":"x","datatype":"INT64","shape":[1,1],"data":[{{number.ToString(CultureInfo.InvariantCulture)}}]}]}""", Encoding.UTF8, "application/json");
            using HttpResponseMessage answer = await _http.PostAsync(new Uri($"/v2/models/{model}/infer", UriKind.Relative), body);
            string text = await answer.Content.ReadAsStringAsync();
            Note(answer, text, number);
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException)
        {
            Problems.Add(error.Message);
        }

        double took = TimeProvider.System.GetElapsedTime(start).TotalMilliseconds;
        lock (Problems) SlowestMilliseconds = Math.Max(SlowestMilliseconds, took);
    }

    public override string ToString()
    {
        IEnumerable<string> refusals = Refusals.GroupBy(text => NumberPattern.Replace(text, "N")).Select(same => $"{Number(same.Count())} times {same.Key}");
        return $"{Number(Good)} answered, {Number(Elsewhere)} of them elsewhere, {Number(Refused)} refused: {string.Join("; ", refusals)}";
    }

    public void Dispose() => _http.Dispose();

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    private void Note(HttpResponseMessage answer, string text, long number)
    {
        if (answer.StatusCode == HttpStatusCode.ServiceUnavailable && answer.Headers.RetryAfter is not null)
        {
            Interlocked.Increment(ref Refused);
            Refusals.Add(text);
            return;
        }

        if (answer.StatusCode != HttpStatusCode.OK)
        {
            Problems.Add($"{(int)answer.StatusCode}: {text}");
            return;
        }

        using JsonDocument json = JsonDocument.Parse(text);
        long got = json.RootElement.GetProperty("outputs")[0].GetProperty("data")[0].GetInt64();
        if (got != number + 1) Problems.Add($"{number} came back as {got}");
        Interlocked.Increment(ref Good);
        if (answer.Headers.Contains("Gateway-Served-By")) Interlocked.Increment(ref Elsewhere);
    }
}
