using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using Gateway.Core.Memory;
using Gateway.Core.Models.Configuration;
using Gateway.Server.OpenInference;

namespace Gateway.Server.Remote;

/// <summary>Talks to one model on one upstream, over the Open Inference Protocol's HTTP.</summary>
/// <remarks><b>Threading</b>: any thread. <b>Ownership</b>: owns its connections.</remarks>
internal sealed class UpstreamClient : IDisposable
{
    // What of a failure's body is read: for its text.
    private const int MostErrorBytes = 64 << 10;

    // Names are resolved anew when connections are made; servers move.
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(5);

    private readonly HttpMessageInvoker _kept;
    private readonly HttpMessageInvoker _fresh;
    private readonly AuthenticationHeaderValue? _authorization;
    private readonly BlockPool _pool;
    private readonly Uri _infer;

    /// <param name="token">Shown with every request; null for none.</param>
    public UpstreamClient(RemoteParameters parameters, string modelName, string? token, BlockPool pool)
    {
        Parameters = parameters;
        _pool = pool;
        _kept = MakeInvoker(parameters, ConnectionLifetime);
        _fresh = MakeInvoker(parameters, TimeSpan.Zero);
        _authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        string name = Uri.EscapeDataString(parameters.ModelName.Length > 0 ? parameters.ModelName : modelName);
        string version = parameters.ModelVersion is { } number ? $"/versions/{number.ToString(CultureInfo.InvariantCulture)}" : "";
        Model = new Uri($"{parameters.Url.AbsoluteUri.TrimEnd('/')}/v2/models/{name}{version}");
        _infer = new Uri(Model.AbsoluteUri + "/infer");
    }

    public RemoteParameters Parameters { get; }

    /// <summary>The model's address there: where its metadata is.</summary>
    public Uri Model { get; }

    /// <summary>Reads a small JSON document: the model's metadata, or below it.</summary>
    /// <param name="path">Empty, or beginning with a slash.</param>
    /// <param name="most">The most bytes that are read.</param>
    /// <exception cref="UpstreamException">There is no answer, or it is too large. Another status than 200 is an answer.</exception>
    public async Task<(HttpStatusCode Status, byte[] Body)> GetAsync(string path, int most, CancellationToken cancellation)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, new Uri(Model.AbsoluteUri + path));
        using HttpResponseMessage response = await SendAsync(_kept, request, cancellation).ConfigureAwait(false);
        AnswerBody body = await AnswerBody.ReadAsync(response, most, _pool, cancellation).ConfigureAwait(false);
        try
        {
            return (response.StatusCode, body.Block.Span[..body.Length].ToArray());
        }
        finally
        {
            body.Block.Release();
        }
    }

    /// <summary>Sends a batch and reads what is answered.</summary>
    /// <param name="isFresh">Whether it is to go over a new connection.</param>
    /// <param name="limit">The most bytes that are read of the answer.</param>
    /// <param name="onHead">Called when the answer has begun.</param>
    /// <returns>The caller's to release.</returns>
    /// <exception cref="UpstreamException">It failed.</exception>
    public async Task<AnswerBody> InferAsync(BatchContent content, int headLength, bool isFresh, long limit, Action onHead, CancellationToken cancellation)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, _infer) { Content = content };
        request.Headers.TryAddWithoutValidation(InferHeaders.HeadLength, headLength.ToString(CultureInfo.InvariantCulture));
        using HttpResponseMessage response = await SendAsync(isFresh ? _fresh : _kept, request, cancellation).ConfigureAwait(false);
        onHead();
        if (response.StatusCode == HttpStatusCode.OK) return await AnswerBody.ReadAsync(response, limit, _pool, cancellation).ConfigureAwait(false);
        throw await FailureOfAsync(response, cancellation).ConfigureAwait(false);
    }

    public void Dispose()
    {
        _kept.Dispose();
        _fresh.Dispose();
    }

    private static HttpMessageInvoker MakeInvoker(RemoteParameters parameters, TimeSpan lifetime) => new(new SocketsHttpHandler
    {
        ActivityHeadersPropagator = null,
        AllowAutoRedirect = false,
        ConnectTimeout = parameters.ConnectTimeout,
        PooledConnectionLifetime = lifetime,
        UseCookies = false,
        UseProxy = false,
    });

    private async Task<HttpResponseMessage> SendAsync(HttpMessageInvoker invoker, HttpRequestMessage request, CancellationToken cancellation)
    {
        request.Headers.Authorization = _authorization;
        try
        {
            return await invoker.SendAsync(request, cancellation).ConfigureAwait(false);
        }
        catch (HttpRequestException error)
        {
            throw UpstreamErrors.OfRequest(error);
        }
        catch (OperationCanceledException error) when (!cancellation.IsCancellationRequested)
        {
            throw new UpstreamException(UpstreamFailure.Connect, $"the server that runs the model cannot be reached: no connection within {Parameters.ConnectTimeout.TotalMilliseconds} ms", error);
        }
    }

    private async Task<UpstreamException> FailureOfAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        AnswerBody body;
        try
        {
            body = await AnswerBody.ReadAsync(response, MostErrorBytes, _pool, cancellation).ConfigureAwait(false);
        }
        catch (UpstreamException)
        {
            // The status says enough.
            return UpstreamErrors.OfStatus(response.StatusCode, []);
        }

        try
        {
            return UpstreamErrors.OfStatus(response.StatusCode, body.Block.Span[..body.Length]);
        }
        finally
        {
            body.Block.Release();
        }
    }
}
