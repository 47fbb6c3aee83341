using System.Globalization;
using System.Net;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;

namespace Gateway.Server.Remote.Http;

/// <summary>Talks to a model over the Open Inference Protocol's HTTP.</summary>
internal sealed class HttpUpstream(RemoteParameters parameters, string name, string? token, BlockPool pool)
    : UpstreamClient(parameters, AddressOf(parameters, name), HttpVersion.Version11, token, pool)
{
    // What of a failure's body is read: for its text.
    private const int MostErrorBytes = 64 << 10;

    // Configurations that this server itself takes are no larger.
    private const int MostDocumentBytes = 1 << 20;

    private readonly Uri _infer = new(AddressOf(parameters, name).AbsoluteUri + "/infer");

    public override async Task<UpstreamMetadata> DescribeAsync(CancellationToken cancellation)
    {
        (HttpStatusCode status, byte[] metadata) = await GetAsync("", cancellation).ConfigureAwait(false);
        if (status != HttpStatusCode.OK) throw new ModelLoadException($"{Model} answered {(int)status}{(UpstreamErrors.TextOf(metadata) is { } text ? ": " + text : "")}");
        (HttpStatusCode configStatus, byte[] config) = await GetAsync("/config", cancellation).ConfigureAwait(false);
        return JsonMetadata.Read(metadata, configStatus == HttpStatusCode.OK ? config : null);
    }

    public override IBatchForm FormFor(ModelLayout layout) => new HttpBatchForm(this, layout, Pool);

    /// <summary>Sends a batch; any other answer than a good one is an error.</summary>
    /// <param name="headLength">Bytes of the JSON at its beginning.</param>
    /// <exception cref="UpstreamException">It failed.</exception>
    public async Task<HttpResponseMessage> InferAsync(BatchContent content, int headLength, string marks, bool isFresh, CancellationToken cancellation)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, _infer) { Content = content };
        request.Headers.TryAddWithoutValidation(OpenInference.InferHeaders.HeadLength, headLength.ToString(CultureInfo.InvariantCulture));
        request.Headers.TryAddWithoutValidation(Overflow.Passage.HeaderName, marks);
        HttpResponseMessage response = await SendAsync(request, isFresh, cancellation).ConfigureAwait(false);
        if (response.StatusCode == HttpStatusCode.OK) return response;
        using (response) throw await FailureOfAsync(response, cancellation).ConfigureAwait(false);
    }

    private static Uri AddressOf(RemoteParameters parameters, string name)
    {
        string version = parameters.ModelVersion is { } number ? $"/versions/{number.ToString(CultureInfo.InvariantCulture)}" : "";
        return new Uri($"{parameters.Url.AbsoluteUri.TrimEnd('/')}/v2/models/{Uri.EscapeDataString(name)}{version}");
    }

    /// <summary>Reads a small JSON document: the model's metadata, or below it.</summary>
    /// <param name="path">Empty, or beginning with a slash.</param>
    /// <exception cref="UpstreamException">There is no answer, or it is too large. Another status than 200 is an answer.</exception>
    private async Task<(HttpStatusCode Status, byte[] Body)> GetAsync(string path, CancellationToken cancellation)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, new Uri(Model.AbsoluteUri + path));
        using HttpResponseMessage response = await SendAsync(request, isFresh: false, cancellation).ConfigureAwait(false);
        AnswerBody body = await AnswerBody.ReadAsync(response, MostDocumentBytes, Pool, cancellation).ConfigureAwait(false);
        try
        {
            return (response.StatusCode, body.Block.Span[..body.Length].ToArray());
        }
        finally
        {
            body.Block.Release();
        }
    }

    private async Task<UpstreamException> FailureOfAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        AnswerBody body;
        try
        {
            body = await AnswerBody.ReadAsync(response, MostErrorBytes, Pool, cancellation).ConfigureAwait(false);
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
