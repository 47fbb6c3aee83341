using System.Buffers;
using System.Text.Json;
using Gateway.Core.Features;
using Gateway.Core.Features.Configuration;
using Gateway.Core.Memory;
using Gateway.Protocol.MessagePack;
using Gateway.Protocol.Tensors;
using Gateway.Server.MessagePack;
using Gateway.Server.OpenInference;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Features;

/// <summary>Writes the answers of feature calls, in JSON or in MessagePack.</summary>
internal static class FeatureAnswers
{
    private const string PackedType = "application/msgpack";

    // What a map, its keys and its numbers take at most.
    private const int Room = 512;

    /// <summary>Whether a call is to be answered in MessagePack: it accepts that, or says nothing of it and is itself.</summary>
    public static bool IsPacked(HttpContext context)
    {
        string accept = context.Request.Headers.Accept.ToString();
        return MessagePackHandler.IsMessagePack(accept) || (accept is "" or "*/*" && MessagePackHandler.IsMessagePack(context.Request.ContentType));
    }

    public static void WriteChange(HttpContext context, bool isPacked, in FeatureChange change)
    {
        if (!isPacked)
        {
            ErrorWriter.WriteJson(context, StatusCodes.Status200OK, JsonSerializer.SerializeToUtf8Bytes(new { created = change.Created, replaced = change.Replaced, deleted = change.Deleted }));
            return;
        }

        byte[] body = new byte[Room];
        MessagePackWriter writer = new(body);
        writer.WriteMapHeader(3);
        WriteNumber(ref writer, "created"u8, change.Created);
        WriteNumber(ref writer, "replaced"u8, change.Replaced);
        WriteNumber(ref writer, "deleted"u8, change.Deleted);
        WritePacked(context, body.AsSpan(0, writer.Position));
    }

    public static void WriteViews(HttpContext context, bool isPacked, IReadOnlyList<FeatureView> views)
    {
        if (isPacked) throw Errors.Invalid("what feature views there are is told in JSON alone");
        WriteJson(context, json =>
        {
            json.WriteStartArray();
            foreach (FeatureView view in views) WriteView(json, view);
            json.WriteEndArray();
        });
    }

    public static void WriteView(HttpContext context, bool isPacked, FeatureView view)
    {
        if (isPacked) throw Errors.Invalid("what a feature view is, is told in JSON alone");
        WriteJson(context, json => WriteView(json, view));
    }

    /// <param name="found">Of one key, which has a row.</param>
    public static void WriteRow(HttpContext context, bool isPacked, FeatureView view, string key, FoundRows found, BlockPool pool)
    {
        if (isPacked)
        {
            byte[] body = new byte[Room + found.Rows.Length];
            MessagePackWriter writer = new(body);
            writer.WriteMapHeader(1);
            writer.WriteString("row"u8);
            writer.WriteBinary(found.Row(0));
            WritePacked(context, body.AsSpan(0, writer.Position));
            return;
        }

        CheckType(view.Config);
        TextBuffer text = new(pool);
        try
        {
            text.Write("{\"key\":"u8);
            if (view.Config.KeyType == DataType.Int64) text.WriteAscii(key);
            else JsonText.WriteString(text, System.Text.Encoding.UTF8.GetBytes(key));
            text.Write(",\"row\":"u8);
            TensorJsonWriter.Write(text, view.Config.DataType, found.Row(0), view.Name);
            text.Write((byte)'}');
            ErrorWriter.WriteJson(context, StatusCodes.Status200OK, text.Written);
        }
        finally
        {
            text.Clear();
        }
    }

    /// <summary>Writes the rows of many keys, in their order: in JSON null stands for one that is not there, in MessagePack <c>found</c> has a byte for each and <c>rows</c> zeros.</summary>
    public static void WriteRows(HttpContext context, bool isPacked, FeatureView view, FoundRows found, BlockPool pool)
    {
        TextBuffer text = new(pool);
        try
        {
            if (isPacked)
            {
                MessagePackWriter writer = new(text.GetSpan(Room + found.Count + found.Rows.Length));
                writer.WriteMapHeader(2);
                writer.WriteString("found"u8);
                writer.WriteBinary(found.Flags);
                writer.WriteString("rows"u8);
                writer.WriteBinary(found.Rows);
                text.Advance(writer.Position);
                WritePacked(context, text.Written);
                return;
            }

            CheckType(view.Config);
            text.Write("{\"rows\":["u8);
            for (int i = 0; i < found.Count; i++)
            {
                if (i > 0) text.Write((byte)',');
                if (found.Has(i)) TensorJsonWriter.Write(text, view.Config.DataType, found.Row(i), view.Name);
                else text.Write("null"u8);
            }

            text.Write("]}"u8);
            ErrorWriter.WriteJson(context, StatusCodes.Status200OK, text.Written);
        }
        finally
        {
            text.Clear();
        }
    }

    private static void WriteView(Utf8JsonWriter json, FeatureView view)
    {
        FeatureViewConfig config = view.Config;
        json.WriteStartObject();
        json.WriteString("name"u8, view.Name);
        json.WriteString("state"u8, view.State switch { FeatureViewState.Ready => "READY", FeatureViewState.Loading => "LOADING", _ => "UNAVAILABLE" });
        if (view.Problem is { } problem) json.WriteString("reason"u8, problem);
        if (view.Usage() is { } usage)
        {
            json.WriteString("key"u8, config.KeyType.WireName());
            json.WriteString("datatype"u8, config.DataType.WireName());
            json.WriteStartArray("shape"u8);
            foreach (long dimension in config.Row.Dims) json.WriteNumberValue(dimension);
            json.WriteEndArray();
            if (config.TimeToLive is { } limit) json.WriteNumber("ttl_seconds"u8, limit.TotalSeconds);
            json.WriteString("missing"u8, config.Missing == MissingKey.Default ? "default" : "error");
            json.WriteNumber("rows"u8, usage.Rows);
            json.WriteNumber("log_bytes"u8, usage.LogBytes);
            json.WriteNumber("memory_bytes"u8, usage.MemoryBytes);
            json.WriteNumber("capacity_bytes"u8, usage.Capacity);
        }

        json.WriteEndObject();
    }

    private static void CheckType(FeatureViewConfig config)
    {
        if (config.DataType is DataType.Fp16 or DataType.Bf16) throw Errors.Invalid($"rows of {config.DataType.WireName()} cannot be sent as JSON. Please accept {PackedType}");
    }

    private static void WriteNumber(ref MessagePackWriter writer, ReadOnlySpan<byte> name, long value)
    {
        writer.WriteString(name);
        writer.WriteInteger(value);
    }

    private static void WriteJson(HttpContext context, Action<Utf8JsonWriter> write)
    {
        ArrayBufferWriter<byte> text = new();
        using (Utf8JsonWriter json = new(text, MetadataWriter.Options)) write(json);
        ErrorWriter.WriteJson(context, StatusCodes.Status200OK, text.WrittenSpan);
    }

    private static void WritePacked(HttpContext context, ReadOnlySpan<byte> body)
    {
        context.Response.ContentType = PackedType;
        context.Response.ContentLength = body.Length;
        context.Response.BodyWriter.Write(body);
    }
}
