using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Gateway.Server.Hosting;

namespace Gateway.Precompute;

/// <summary>Asks a running server, over HTTP, so many requests at a time.</summary>
/// <remarks><b>Behaviour</b>: what the server refuses for want of room is asked again, with growing waits; everything else that fails is counted.</remarks>
internal sealed class PrecomputeClient : IDisposable
{
    private const int MostAttempts = 20;
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);

    private readonly HttpClient _http;
    private readonly string _path;
    private readonly Lock _lock = new();

    public PrecomputeClient(PrecomputeOptions options, string? accessToken)
    {
        _http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = options.Concurrency }) { BaseAddress = options.Server, Timeout = Timeout.InfiniteTimeSpan };
        if (accessToken is not null) _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", accessToken);
        _path = $"/v2/models/{Uri.EscapeDataString(options.Model)}{(options.Version is { } version ? $"/versions/{Uri.EscapeDataString(version)}" : "")}";
    }

    /// <exception cref="StartupException">The server does not answer, or not with the model's metadata.</exception>
    public async Task<ModelInput[]> InputsAsync(CancellationToken cancellation)
    {
        try
        {
            using HttpResponseMessage answer = await _http.GetAsync(new Uri(_path, UriKind.Relative), cancellation).ConfigureAwait(false);
            string text = await answer.Content.ReadAsStringAsync(cancellation).ConfigureAwait(false);
            if (!answer.IsSuccessStatusCode) throw new StartupException($"the server says of the model: {text}");
            using JsonDocument json = JsonDocument.Parse(text);
            return [.. json.RootElement.GetProperty("inputs").EnumerateArray().Select(input => new ModelInput(
                input.GetProperty("name").GetString()!, input.GetProperty("datatype").GetString()!, [.. input.GetProperty("shape").EnumerateArray().Select(dimension => dimension.GetInt64())]))];
        }
        catch (Exception error) when (error is HttpRequestException or JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new StartupException($"{_http.BaseAddress}: {error.Message}");
        }
    }

    /// <summary>Asks everything that a file has.</summary>
    /// <param name="onAnswered">Called after each answer, with how far the file is read.</param>
    /// <exception cref="StartupException">The file is damaged, the server is gone, or the model has no cache.</exception>
    public async Task RunAsync(IRequestSource source, int concurrency, PrecomputeTally tally, Action<long> onAnswered, CancellationToken cancellation)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task[] loops = [.. Enumerable.Range(0, concurrency).Select(_ => Task.Run(() => LoopAsync(source, tally, onAnswered, stop)))];
        await Task.WhenAll(loops).ConfigureAwait(false);
    }

    public void Dispose() => _http.Dispose();

    private async Task LoopAsync(IRequestSource source, PrecomputeTally tally, Action<long> onAnswered, CancellationTokenSource stop)
    {
        try
        {
            while (!stop.IsCancellationRequested)
            {
                PreparedRequest request;
                long position;
                lock (_lock)
                {
                    if (!source.TryNext(out request)) return;
                    position = source.Position;
                }

                await AskAsync(request, tally, stop.Token).ConfigureAwait(false);
                onAnswered(position);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Another loop has said why.
        }
        catch (Exception error)
        {
            await stop.CancelAsync().ConfigureAwait(false);
            if (error is InvalidDataException or HttpRequestException or IOException) throw new StartupException(error.Message);
            throw;
        }
    }

    private async Task AskAsync(PreparedRequest request, PrecomputeTally tally, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            using ByteArrayContent content = new(request.Body);
            if (request.HeadLength is { } head) content.Headers.Add("Inference-Header-Content-Length", head.ToString(CultureInfo.InvariantCulture));
            using HttpResponseMessage answer = await _http.PostAsync(new Uri(_path + "/infer", UriKind.Relative), content, cancellation).ConfigureAwait(false);
            if (answer.IsSuccessStatusCode)
            {
                if (!answer.Headers.TryGetValues("Cache-Status", out IEnumerable<string>? status)) throw new InvalidDataException("the model has no response cache");
                tally.Count(status.First());
                return;
            }

            if (answer.StatusCode is not (HttpStatusCode.ServiceUnavailable or HttpStatusCode.TooManyRequests) || attempt == MostAttempts)
            {
                tally.CountFailure(await answer.Content.ReadAsStringAsync(cancellation).ConfigureAwait(false));
                return;
            }

            TimeSpan wait = answer.Headers.RetryAfter?.Delta ?? TimeSpan.FromMilliseconds(20 * attempt * attempt);
            await Task.Delay(wait < LongestWait ? wait : LongestWait, TimeProvider.System, cancellation).ConfigureAwait(false);
        }
    }
}
