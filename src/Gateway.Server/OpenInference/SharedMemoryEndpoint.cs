using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;
using Gateway.Core.Memory;
using Gateway.Core.Memory.Shared;
using Gateway.Core.Memory.Shared.Cuda;
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
                RegisterSystem(region, body.Bytes);
                break;
            case RouteKind.SystemMemoryUnregister:
                _families.Unregister<SystemRegion>(region);
                break;
            case RouteKind.CudaMemoryStatus:
                WriteStatus(context, _families.Cuda(region));
                return;
            case RouteKind.CudaMemoryRegister:
                RegisterCuda(region, body.Bytes);
                break;
            default:
                _families.Unregister<CudaRegion>(region);
                break;
        }

        context.Response.StatusCode = StatusCodes.Status200OK;
        context.Response.ContentLength = 0;
    }

    /// <summary>Reads <c>{"key":"/name","offset":0,"byte_size":1}</c>.</summary>
    private void RegisterSystem(string region, ReadOnlySpan<byte> body)
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

    /// <summary>Reads <c>{"raw_handle":{"b64":"…"},"device_id":0,"byte_size":1}</c>.</summary>
    private void RegisterCuda(string region, ReadOnlySpan<byte> body)
    {
        regions.CheckCuda(region);
        byte[]? handle = null;
        ulong? deviceId = null;
        ulong? byteSize = null;
        JsonCursor cursor = new(body);
        cursor.ReadRoot();
        bool isFirst = true;
        while (cursor.TryNextMember(ref isFirst, out JsonString name))
        {
            if (name.Is("raw_handle"u8) && handle is null) handle = ReadHandle(ref cursor);
            else if (name.Is("device_id"u8) && deviceId is null) deviceId = JsonValues.ReadUnsigned(ref cursor, "device_id");
            else if (name.Is("byte_size"u8) && byteSize is null) byteSize = JsonValues.ReadUnsigned(ref cursor, "byte_size");
            else cursor.SkipValue();
        }

        cursor.ReadEnd();
        if (handle is null) throw Errors.Missing("raw_handle");
        if (byteSize is null) throw Errors.Missing("byte_size");
        if (deviceId is null) throw Errors.Missing("device_id");
        regions.RegisterCuda(region, handle, (long)Math.Min(deviceId.Value, long.MaxValue), byteSize.Value);
    }

    private static byte[] ReadHandle(scoped ref JsonCursor cursor)
    {
        JsonValues.BeginObject(ref cursor, "raw_handle");
        byte[]? text = null;
        bool isFirst = true;
        while (cursor.TryNextMember(ref isFirst, out JsonString name))
        {
            if (name.Is("b64"u8) && text is null)
            {
                JsonString base64 = JsonValues.ReadString(ref cursor, "b64");
                text = new byte[base64.Raw.Length];
                Array.Resize(ref text, base64.CopyTo(text));
            }
            else
            {
                cursor.SkipValue();
            }
        }

        if (text is null) throw Errors.Missing("b64");
        return Base64.DecodeFromUtf8InPlace(text, out int bytes) == OperationStatus.Done && bytes == CudaRegion.HandleBytes
            ? text[..bytes]
            : throw Errors.Invalid("'raw_handle' must be a valid base64 encoded cudaIpcMemHandle_t");
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
                if (region is SystemRegion system)
                {
                    json.WriteString("key"u8, system.Key);
                    json.WriteNumber("offset"u8, system.Offset);
                }
                else if (region is CudaRegion cuda)
                {
                    json.WriteNumber("device_id"u8, cuda.DeviceId);
                }

                json.WriteNumber("byte_size"u8, region.Bytes);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        ErrorWriter.WriteJson(context, StatusCodes.Status200OK, text.WrittenSpan);
    }
}
