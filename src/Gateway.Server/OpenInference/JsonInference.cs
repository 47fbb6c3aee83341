using Gateway.Core.Caching;
using Gateway.Core.Memory;
using Gateway.Core.Memory.Shared;
using Gateway.Core.Models;
using Gateway.Protocol;

namespace Gateway.Server.OpenInference;

/// <summary>Asks a served model what a request in JSON says, as if it had come over HTTP with the wish that the answer be kept, and throws it away.</summary>
public sealed class JsonInference(ModelCatalog catalog, BlockPool pool, OpenInferenceOptions options)
{
    /// <param name="json">A whole infer request, without binary tensors.</param>
    /// <returns>Null when it was answered; else why not.</returns>
    public async Task<string?> AskAsync(ServedModel model, ReadOnlyMemory<byte> json)
    {
        InferExchange exchange = new(pool, SharedRegions.Disabled) { Limit = options.MaxInputBytes };
        try
        {
            exchange.Request = catalog.RentRequest(model, model.Version);
            InferRequestReader.Read(json.Span, exchange);
            if (exchange.BlobCount > 0) return "a request with binary tensors cannot be in a list";
            exchange.Request.CacheUse |= CacheUse.Keep;
            await exchange.Request.Model.InferAsync(exchange.Request).ConfigureAwait(false);
            return exchange.Request.Status == StatusCode.Ok ? null : exchange.Request.Error ?? "";
        }
        catch (InferenceException error)
        {
            return error.Message;
        }
        finally
        {
            exchange.Clear();
        }
    }
}
