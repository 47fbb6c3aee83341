using System.Globalization;
using System.Net;
using System.Text.Json;

namespace Gateway.FleetFaults;

/// <summary>Sends numbers to a mesh at a steady rate, whatever becomes of those before, and looks at each answer: it is to be the next number, once.</summary>
/// <remarks>
/// More than half go to one place at a time, another every two seconds, so that it has to have others answer. <b>Threading</b>: one run at a time.
/// </remarks>
internal sealed class MeshClients(MeshGateway[] mesh, int rate, FaultTally tally)
{
    private const double HotShare = 0.7;
    private static readonly TimeSpan HotTime = TimeSpan.FromSeconds(2);

    private long _next;

    /// <summary>Sends until it is told to stop, and then waits for all answers.</summary>
    public async Task RunAsync(int seed, CancellationToken stop)
    {
        Random random = new(seed);
        List<Task> calls = [];
        long start = TimeProvider.System.GetTimestamp();
        for (long i = 0; !stop.IsCancellationRequested; i++)
        {
            TimeSpan early = TimeSpan.FromSeconds(i / (double)rate) - TimeProvider.System.GetElapsedTime(start);
            if (early > TimeSpan.FromMilliseconds(1)) await Task.Delay(early, TimeProvider.System, CancellationToken.None).ConfigureAwait(false);
            int hot = (int)(TimeProvider.System.GetElapsedTime(start) / HotTime) % mesh.Length;
            MeshGateway asked = mesh[random.NextDouble() < HotShare ? hot : random.Next(mesh.Length)];

            // Nobody asks one that is known not to be there.
            if (asked.Life is { } life) calls.Add(CallAsync(asked, life));
        }

        await Task.WhenAll(calls).ConfigureAwait(false);
    }

    private async Task CallAsync(MeshGateway asked, MeshLife life)
    {
        long number = Interlocked.Increment(ref _next);
        Interlocked.Increment(ref tally.Sent);
        try
        {
            using StringContent body = new($$"""{"inputs":[{"name":"x","datatype":"INT64","shape":[1,1],"data":[{{number.ToString(CultureInfo.InvariantCulture)}}]}]}""");
            using HttpResponseMessage answer = await life.Client.PostAsync(new Uri("/v2/models/timed/infer", UriKind.Relative), body).ConfigureAwait(false);
            Note(life, answer, await answer.Content.ReadAsStringAsync().ConfigureAwait(false), number);
        }
        catch (Exception error) when (error is HttpRequestException or IOException or TaskCanceledException)
        {
            if (life.IsOver) Interlocked.Increment(ref tally.Lost);
            else tally.Violate($"{number}, sent to {asked.Address}, has no answer, and that gateway is there: {error.Message}");
        }
    }

    private void Note(MeshLife life, HttpResponseMessage answer, string text, long number)
    {
        if (answer.StatusCode == HttpStatusCode.ServiceUnavailable && answer.Headers.RetryAfter is not null)
        {
            Interlocked.Increment(ref tally.Refused);
            return;
        }

        if (answer.StatusCode != HttpStatusCode.OK)
        {
            tally.Violate($"{(int)answer.StatusCode}: {text}");
            return;
        }

        using JsonDocument json = JsonDocument.Parse(text);
        JsonElement data = json.RootElement.GetProperty("outputs")[0].GetProperty("data");
        tally.Check(data.GetArrayLength() == 1 && data[0].GetInt64() == number + 1, $"{number} was answered with {text}");
        Interlocked.Increment(ref tally.Good);
        if (!answer.Headers.Contains("Gateway-Served-By")) return;
        Interlocked.Increment(ref tally.Elsewhere);
        Interlocked.Increment(ref life.Elsewhere);
    }
}
