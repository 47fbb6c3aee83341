using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Repository;
using Gateway.Protocol;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.OpenInference;

/// <summary>The model repository extension: what there is, loading and unloading.</summary>
internal sealed class RepositoryEndpoint(IModelControl? control, BlockPool pool, OpenInferenceOptions options)
{
    // Without files there is a configuration at most, which is that long at most; with its escapes.
    private const int MostPlainBytes = 4 << 20;

    private readonly LargeLoads _large = new();

    private IModelControl Control => control ?? throw new InferenceException(StatusCode.Unsupported, "this server has no model repository");

    public async Task IndexAsync(HttpContext context)
    {
        using WholeBody body = await WholeBody.ReadAsync(context, pool, MostPlainBytes).ConfigureAwait(false);
        WriteIndex(context, Control.Index(LoadRequest.ReadReadyOnly(body.Bytes)));
    }

    public async Task LoadAsync(HttpContext context, string model)
    {
        bool isLarge = false;
        try
        {
            LoadOverride? given;
            using (WholeBody body = await WholeBody.ReadAsync(context, pool, options.MaxInputBytes).ConfigureAwait(false))
            {
                if (body.Bytes.Length > LargeLoads.FromBytes)
                {
                    _large.Enter();
                    isLarge = true;
                }

                given = LoadRequest.ReadLoad(model, body.Bytes);
            }

            await Control.LoadAsync(model, given).ConfigureAwait(false);
        }
        finally
        {
            if (isLarge) _large.Leave();
        }

        WriteNothing(context);
    }

    public async Task UnloadAsync(HttpContext context, string model)
    {
        using (WholeBody body = await WholeBody.ReadAsync(context, pool, MostPlainBytes).ConfigureAwait(false)) LoadRequest.CheckUnload(body.Bytes);
        await Control.UnloadAsync(model).ConfigureAwait(false);
        WriteNothing(context);
    }

    private static void WriteNothing(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status200OK;
        context.Response.ContentLength = 0;
    }

    private static void WriteIndex(HttpContext context, IReadOnlyList<ModelStatus> index)
    {
        ArrayBufferWriter<byte> text = new();
        using (Utf8JsonWriter json = new(text, MetadataWriter.Options))
        {
            json.WriteStartArray();
            foreach (ModelStatus status in index)
            {
                json.WriteStartObject();
                json.WriteString("name"u8, status.Name);
                if (status.Version > 0) json.WriteString("version"u8, status.Version.ToString(CultureInfo.InvariantCulture));

                // A model that only lies there has a name and nothing else.
                if (status.State != ModelState.Unknown) json.WriteString("state"u8, status.State.ToString().ToUpperInvariant());
                if (status.Reason.Length > 0) json.WriteString("reason"u8, status.Reason);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        ErrorWriter.WriteJson(context, StatusCodes.Status200OK, text.WrittenSpan);
    }
}
