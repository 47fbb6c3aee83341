using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Gateway.Core.Features;
using Gateway.Core.Memory;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;
using Gateway.Server.MessagePack;
using Gateway.Server.OpenInference;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Features;

/// <summary>Feature views over HTTP: what there is; rows put, got and deleted, one or many at once, in JSON, in MessagePack, or a row's bytes as they are.</summary>
internal sealed class FeatureEndpoint(FeatureViews? views, BlockPool pool, OpenInferenceOptions options)
{
    private const string RawType = "application/octet-stream";

    /// <summary>The methods of one of these routes; none for another.</summary>
    public static string[] MethodsOf(RouteKind kind) => kind switch
    {
        RouteKind.Features or RouteKind.FeatureView => ["GET"],
        RouteKind.FeatureRow => ["GET", "PUT", "DELETE"],
        RouteKind.FeatureRows => ["POST", "DELETE"],
        RouteKind.FeatureLookup or RouteKind.FeatureDelete => ["POST"],
        _ => [],
    };

    /// <param name="name">The view's; empty for all.</param>
    /// <param name="key">Of a route with one.</param>
    public async Task HandleAsync(HttpContext context, RouteKind kind, string name, string key)
    {
        bool isPacked = FeatureAnswers.IsPacked(context);
        try
        {
            if (kind == RouteKind.Features)
            {
                FeatureAnswers.WriteViews(context, isPacked, views?.All ?? []);
                return;
            }

            FeatureView view = views is null ? throw FeatureViews.Unknown(name) : views.Find(name.AsSpan());
            if (kind == RouteKind.FeatureView)
            {
                FeatureAnswers.WriteView(context, isPacked, view);
                return;
            }

            view.CheckReady();
            await (kind switch
            {
                RouteKind.FeatureRow when HttpMethods.IsGet(context.Request.Method) => GetAsync(context, view, key, isPacked),
                RouteKind.FeatureRow when HttpMethods.IsPut(context.Request.Method) => PutAsync(context, view, key, isPacked),
                RouteKind.FeatureRow => DeleteAsync(context, view, key, isPacked),
                RouteKind.FeatureRows when HttpMethods.IsPost(context.Request.Method) => ChangeAsync(context, view, hasRows: true, isPacked),
                RouteKind.FeatureRows => ClearAsync(context, view, isPacked),
                RouteKind.FeatureDelete => ChangeAsync(context, view, hasRows: false, isPacked),
                _ => LookUpAsync(context, view, isPacked),
            }).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to be told.
        }
        catch (InferenceException error) when (!context.Response.HasStarted)
        {
            if (isPacked)
            {
                MessagePackHandler.WriteError(context, error.Status, error.Message, error.RetryAfter, error.Refusal);
                return;
            }

            if (error.Status is StatusCode.Unavailable or StatusCode.ResourceExhausted) ErrorWriter.AddRefusal(context, error.Refusal, error.RetryAfter);
            ErrorWriter.Write(context, error.Status, error.Message);
        }
    }

    private async Task GetAsync(HttpContext context, FeatureView view, string key, bool isPacked)
    {
        using FeatureBody body = FeatureBody.OfKey(view.Config, pool, KeyBytes(view, key));
        using FoundRows found = await FoundRows.LookUpAsync(view, body, pool, context.RequestAborted).ConfigureAwait(false);
        if (!found.Has(0)) throw new InferenceException(StatusCode.NotFound, $"feature view '{view.Name}' has no row for key '{key}'");
        if (context.Request.Headers.Accept.ToString().Contains(RawType, StringComparison.OrdinalIgnoreCase))
        {
            context.Response.ContentType = RawType;
            context.Response.ContentLength = found.Row(0).Length;
            context.Response.BodyWriter.Write(found.Row(0));
            return;
        }

        // As it is, and not as it was spelled.
        if (view.Config.KeyType == DataType.Int64) key = BinaryPrimitives.ReadInt64LittleEndian(body.Keys.Span).ToString(CultureInfo.InvariantCulture);
        FeatureAnswers.WriteRow(context, isPacked, view, key, found, pool);
    }

    private async Task PutAsync(HttpContext context, FeatureView view, string key, bool isPacked)
    {
        using FeatureBody body = FeatureBody.OfKey(view.Config, pool, KeyBytes(view, key));
        using (WholeBody given = await WholeBody.ReadAsync(context, pool, options.MaxInputBytes).ConfigureAwait(false))
        {
            string type = context.Request.ContentType ?? "";
            if (type.StartsWith(RawType, StringComparison.OrdinalIgnoreCase)) body.TakeRow(given.Bytes);
            else if (MessagePackHandler.IsMessagePack(type)) body.ReadPackedRow(given.Bytes);
            else body.ReadJsonRow(given.Bytes);
        }

        FeatureAnswers.WriteChange(context, isPacked, await view.PutAsync(body.Keys, body.Rows, body.Count).ConfigureAwait(false));
    }

    private async Task DeleteAsync(HttpContext context, FeatureView view, string key, bool isPacked)
    {
        using FeatureBody body = FeatureBody.OfKey(view.Config, pool, KeyBytes(view, key));
        FeatureChange change = await view.DeleteAsync(body.Keys, body.Count).ConfigureAwait(false);
        if (change.Deleted == 0) throw new InferenceException(StatusCode.NotFound, $"feature view '{view.Name}' has no row for key '{key}'");
        FeatureAnswers.WriteChange(context, isPacked, change);
    }

    private async Task ChangeAsync(HttpContext context, FeatureView view, bool hasRows, bool isPacked)
    {
        using FeatureBody body = await ReadAsync(context, view, hasRows).ConfigureAwait(false);
        Task<FeatureChange> change = hasRows ? view.PutAsync(body.Keys, body.Rows, body.Count) : view.DeleteAsync(body.Keys, body.Count);
        FeatureAnswers.WriteChange(context, isPacked, await change.ConfigureAwait(false));
    }

    private static async Task ClearAsync(HttpContext context, FeatureView view, bool isPacked) =>
        FeatureAnswers.WriteChange(context, isPacked, await view.ClearAsync().ConfigureAwait(false));

    private async Task LookUpAsync(HttpContext context, FeatureView view, bool isPacked)
    {
        using FeatureBody body = await ReadAsync(context, view, hasRows: false).ConfigureAwait(false);

        // A key that takes five bytes may have a row of a mebibyte.
        long bytes = (long)body.Count * view.Config.RowBytes;
        if (bytes > options.MaxInputBytes) throw Errors.RowsTooLarge(bytes, options.MaxInputBytes);
        using FoundRows found = await FoundRows.LookUpAsync(view, body, pool, context.RequestAborted).ConfigureAwait(false);
        FeatureAnswers.WriteRows(context, isPacked, view, found, pool);
    }

    private async Task<FeatureBody> ReadAsync(HttpContext context, FeatureView view, bool hasRows)
    {
        using WholeBody given = await WholeBody.ReadAsync(context, pool, options.MaxInputBytes).ConfigureAwait(false);
        FeatureBody body = new(view.Config, pool);
        try
        {
            if (MessagePackHandler.IsMessagePack(context.Request.ContentType)) body.ReadPacked(given.Bytes, hasRows);
            else body.ReadJson(given.Bytes, hasRows);
            return body;
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    private static byte[] KeyBytes(FeatureView view, string key)
    {
        if (view.Config.KeyType == DataType.Bytes) return Encoding.UTF8.GetBytes(key);
        if (!long.TryParse(key, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number)) throw Errors.Invalid($"'{(key.Length > 64 ? key[..64] : key)}' is no key of feature view '{view.Name}', whose keys are of INT64");
        byte[] bytes = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        return bytes;
    }
}
