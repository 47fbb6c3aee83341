using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Gateway.TestSupport.Kills;

/// <summary>Clients that ask one life of the server over HTTP until it is gone, and look at every answer.</summary>
internal sealed class KillCallers(string address, float constant, int side, int keys, KillTally tally) : IAsyncDisposable
{
    private const int Clients = 8;

    // Of so many calls one deletes all, and one asks for a run whatever is kept.
    private const int CallsADeletion = 4000;
    private const int CallsARefresh = 50;

    private readonly HttpClient _http = new() { BaseAddress = new Uri(address) };
    private readonly ConcurrentDictionary<int, bool> _asked = new();
    private Task[] _clients = [];
    private volatile bool _isOver;

    public void Begin(int seed) => _clients = [.. Enumerable.Range(0, Clients).Select(i => Task.Run(() => CallAsync(new Random(seed + i))))];

    /// <summary>Asks for every key, and then no more.</summary>
    public async Task AskAllAsync()
    {
        for (int key = 0; key < keys; key++) await AskAsync(key, isRefresh: false).ConfigureAwait(false);
    }

    /// <summary>The server is about to be killed: what fails from here on fails for that.</summary>
    public void End() => _isOver = true;

    public async ValueTask DisposeAsync()
    {
        _isOver = true;
        await Task.WhenAll(_clients).ConfigureAwait(false);
        _http.Dispose();
    }

    private async Task CallAsync(Random random)
    {
        while (!_isOver)
        {
            try
            {
                // Some are asked for often, most now and then.
                if (random.Next(CallsADeletion) == 0) await DeleteAsync().ConfigureAwait(false);
                else await AskAsync(random.Next(2) == 0 ? random.Next(keys / 20) : random.Next(keys), random.Next(CallsARefresh) == 0).ConfigureAwait(false);
            }
            catch (Exception error) when (error is HttpRequestException or IOException or OperationCanceledException)
            {
                if (!_isOver) tally.Violate($"a call failed while the server ran: {error.Message}");
                return;
            }
        }
    }

    private async Task DeleteAsync()
    {
        DateTimeOffset asked = TimeProvider.System.GetUtcNow();
        using HttpResponseMessage answer = await _http.DeleteAsync(new Uri("/v2/models/m/cache", UriKind.Relative)).ConfigureAwait(false);
        if (answer.IsSuccessStatusCode) tally.Deleted(asked);
        else tally.Violate($"a deletion was answered with {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync().ConfigureAwait(false)}");
    }

    private async Task AskAsync(int key, bool isRefresh)
    {
        bool isFirst = _asked.TryAdd(key, true);
        DateTimeOffset deleted = tally.LastDeletion;
        string number = key.ToString(CultureInfo.InvariantCulture);
        using StringContent body = new(
            $$"""{"inputs":[{"name":"x","datatype":"FP32","shape":[1,{{side}}],"data":[{{string.Join(',', Enumerable.Repeat(number, side))}}]}]}""", Encoding.UTF8, "application/json");
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri("/v2/models/m/infer", UriKind.Relative)) { Content = body };
        if (isRefresh) request.Headers.CacheControl = new CacheControlHeaderValue { NoCache = true };
        using HttpResponseMessage answer = await _http.SendAsync(request).ConfigureAwait(false);
        string text = await answer.Content.ReadAsStringAsync().ConfigureAwait(false);
        if (!answer.IsSuccessStatusCode)
        {
            tally.Violate($"{(int)answer.StatusCode}: {text}");
            return;
        }

        bool isHit = answer.Headers.TryGetValues("Cache-Status", out IEnumerable<string>? status) && status.First() == "gateway; hit";
        tally.CountAnswer(isHit, isHit && isFirst);
        if (isHit && isRefresh) tally.Violate("what was to be run anew was answered from the cache");

        // Its age is in whole seconds: at the latest it was made then.
        if (isHit && TimeProvider.System.GetUtcNow() - answer.Headers.Age < deleted) tally.Violate($"an answer of age {answer.Headers.Age} came back that was deleted at {deleted:O}");
        using JsonDocument json = JsonDocument.Parse(text);
        JsonElement.ArrayEnumerator data = json.RootElement.GetProperty("outputs")[0].GetProperty("data").EnumerateArray();
        if (data.Count() != side || data.Any(element => element.GetSingle() != key + constant)) tally.Violate($"{key} + {constant} was answered with {text}");
    }
}
