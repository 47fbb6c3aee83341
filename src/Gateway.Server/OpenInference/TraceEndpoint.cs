using System.Buffers;
using System.Text.Json;
using Gateway.Core.Memory;
using Gateway.Core.Tracing;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.OpenInference;

/// <summary>The trace extension: tells and changes the settings of <see cref="TraceSettings"/>.</summary>
internal sealed class TraceEndpoint(Tracer tracer, BlockPool pool)
{
    private const int MostBytes = 64 * 1024;

    /// <param name="model">Whose settings; empty for the general ones.</param>
    public async Task HandleAsync(HttpContext context, string model)
    {
        TraceSettings settings = new(tracer);
        if (HttpMethods.IsPost(context.Request.Method))
        {
            using WholeBody body = await WholeBody.ReadAsync(context, pool, MostBytes).ConfigureAwait(false);
            Read(body.Bytes, settings);
        }

        Write(context, TraceSettings.All(settings.ApplyTo(model)));
    }

    /// <summary>Reads an object of strings, and the levels' array of strings; null clears a setting.</summary>
    private static void Read(ReadOnlySpan<byte> body, TraceSettings settings)
    {
        JsonCursor cursor = new(body);
        JsonValues.BeginObject(ref cursor, "request");
        bool isFirst = true;
        while (cursor.TryNextMember(ref isFirst, out JsonString key))
        {
            string name = key.ToString();
            cursor.Peek();
            if (cursor.TryReadLiteral("null"u8)) settings.Clear(name);
            else if (name == TraceSettings.Level) settings.SetLevels(ReadLevels(ref cursor));
            else settings.Set(name, JsonValues.ReadString(ref cursor, name).ToString());
        }

        cursor.ReadEnd();
    }

    private static List<string> ReadLevels(ref JsonCursor cursor)
    {
        JsonValues.BeginArray(ref cursor, TraceSettings.Level);
        bool isFirst = true;
        List<string> levels = [];
        while (cursor.TryNextElement(ref isFirst)) levels.Add(JsonValues.ReadString(ref cursor, TraceSettings.Level).ToString());
        return levels;
    }

    private static void Write(HttpContext context, (string Name, string Value)[] settings)
    {
        ArrayBufferWriter<byte> text = new();
        using (Utf8JsonWriter json = new(text, MetadataWriter.Options))
        {
            json.WriteStartObject();
            foreach ((string name, string value) in settings)
            {
                json.WritePropertyName(name);
                if (name == TraceSettings.Level) json.WriteStartArray();
                json.WriteStringValue(value);
                if (name == TraceSettings.Level) json.WriteEndArray();
            }

            json.WriteEndObject();
        }

        ErrorWriter.WriteJson(context, StatusCodes.Status200OK, text.WrittenSpan);
    }
}
