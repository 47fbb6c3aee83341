using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Gateway.Server.Hosting;

namespace Gateway;

/// <summary>A client of a running server, over HTTP, with patience: what is refused for want of room is asked again, with growing waits.</summary>
/// <remarks><b>Threading</b>: any.</remarks>
internal sealed class ServerClient : IDisposable
{
    private const int MostAttempts = 20;
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);

    private readonly HttpClient _http;

    public ServerClient(Uri server, int connections, string? accessToken)
    {
        _http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = connections }) { BaseAddress = server, Timeout = Timeout.InfiniteTimeSpan };
        if (accessToken is not null) _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", accessToken);
    }

    /// <summary>Reads a description in JSON.</summary>
    /// <param name="what">Whose, for errors.</param>
    /// <exception cref="StartupException">The server does not answer, or not with one.</exception>
    public async Task<T> DescribeAsync<T>(string path, string what, Func<JsonElement, T> read, CancellationToken cancellation)
    {
        try
        {
            using HttpResponseMessage answer = await _http.GetAsync(new Uri(path, UriKind.Relative), cancellation).ConfigureAwait(false);
            string text = await answer.Content.ReadAsStringAsync(cancellation).ConfigureAwait(false);
            if (!answer.IsSuccessStatusCode) throw new StartupException($"the server says of the {what}: {text}");
            using JsonDocument json = JsonDocument.Parse(text);
            return read(json.RootElement);
        }
        catch (Exception error) when (error is HttpRequestException or JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new StartupException($"{_http.BaseAddress}: {error.Message}");
        }
    }

    /// <summary>Posts until it is not refused for want of room, or has been often enough.</summary>
    /// <param name="content">Makes the body, anew for each attempt.</param>
    /// <returns>The last answer; the caller must dispose it.</returns>
    /// <exception cref="HttpRequestException">The server is gone.</exception>
    public async Task<HttpResponseMessage> PostAsync(string path, Func<HttpContent> content, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            using HttpContent body = content();
            HttpResponseMessage answer = await _http.PostAsync(new Uri(path, UriKind.Relative), body, cancellation).ConfigureAwait(false);
            if (answer.StatusCode is not (HttpStatusCode.ServiceUnavailable or HttpStatusCode.TooManyRequests) || attempt == MostAttempts) return answer;
            TimeSpan wait = answer.Headers.RetryAfter?.Delta ?? TimeSpan.FromMilliseconds(20 * attempt * attempt);
            answer.Dispose();
            await Task.Delay(wait < LongestWait ? wait : LongestWait, TimeProvider.System, cancellation).ConfigureAwait(false);
        }
    }

    public void Dispose() => _http.Dispose();
}
