using System.Buffers;
using System.Text.Json;
using Gateway.Core.Memory;
using Gateway.Core.Memory.Shared;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.OpenInference;

/// <summary>The shared memory extensions: what is registered, registering and forgetting.</summary>
internal sealed class SharedMemoryEndpoint(SharedRegions regions, BlockPool pool)
{
    private const int MostBytes = 64 * 1024;

    private readonly SharedFamilies _families = new(regions);

    /// <param name="region">Empty for all.</param>
    public async Task HandleAsync(HttpContext context, RouteKind kind, string region)
    {
        // Whatever comes with a call that needs nothing is read and ignored, as in Triton.
        using WholeBody body = await WholeBody.ReadAsync(context, pool, MostBytes).ConfigureAwait(false);
        switch (kind)
        {
            case RouteKind.SystemMemoryStatus:
                WriteStatus(context, _families.System(region));
                return;
            case RouteKind.SystemMemoryRegister:
                Register(region, body.Bytes);
                break;
            case RouteKind.SystemMemoryUnregister:
                _families.Unregister(region);
                break;
            case RouteKind.CudaMemoryStatus:
                _families.CheckCuda(region);
                WriteStatus(context, []);
                return;
            case RouteKind.CudaMemoryRegister:
                throw _families.NoCuda(region);
            default:
                regions.CheckAllowed();
                break;
        }

        context.Response.StatusCode = StatusCodes.Status200OK;
        context.Response.ContentLength = 0;
    }

    /// <summary>Reads <c>{"key":"/name","offset":0,"byte_size":1}</c>.</summary>
    private void Register(string region, ReadOnlySpan<byte> body)
    {
        regions.CheckAllowed();
        string? key = null;
        ulong? offset = null;
        ulong? byteSize = null;
        JsonCursor cursor = new(body);
        cursor.ReadRoot();
        bool isFirst = true;
        while (cursor.TryNextMember(ref isFirst, out JsonString name))
        {
            if (name.Is("key"u8) && key is null) key = JsonValues.ReadString(ref cursor, "key").ToString();
            else if (name.Is("offset"u8) && offset is null) offset = JsonValues.ReadUnsigned(ref cursor, "offset");
            else if (name.Is("byte_size"u8) && byteSize is null) byteSize = JsonValues.ReadUnsigned(ref cursor, "byte_size");
            else cursor.SkipValue();
        }

        cursor.ReadEnd();
        if (key is null) throw Errors.Invalid("Shared memory register request has no 'key' field");
        regions.Register(region, key, offset ?? 0, byteSize ?? throw Errors.Invalid("Shared memory register request has no 'byte_size' field"));
    }

    private static void WriteStatus(HttpContext context, IReadOnlyList<SharedRegion> regions)
    {
        ArrayBufferWriter<byte> text = new();
        using (Utf8JsonWriter json = new(text, MetadataWriter.Options))
        {
            json.WriteStartArray();
            foreach (SharedRegion region in regions)
            {
                json.WriteStartObject();
                json.WriteString("name"u8, region.Name);
                json.WriteString("key"u8, region.Key);
                json.WriteNumber("offset"u8, region.Offset);
                json.WriteNumber("byte_size"u8, region.Bytes);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        ErrorWriter.WriteJson(context, StatusCodes.Status200OK, text.WrittenSpan);
    }
}
