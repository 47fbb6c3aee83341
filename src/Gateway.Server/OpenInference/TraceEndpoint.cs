using Gateway.Core.Memory;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.OpenInference;

/// <summary>The trace extension: reads <see cref="TraceSettings"/>.</summary>
internal sealed class TraceEndpoint(BlockPool pool)
{
    private const int MostBytes = 64 * 1024;

    private static ReadOnlySpan<byte> Off =>
        "{\"trace_level\":[\"OFF\"],\"trace_rate\":\"1000\",\"trace_count\":\"-1\",\"log_frequency\":\"0\",\"trace_file\":\"\",\"trace_mode\":\"triton\"}"u8;

    public async Task HandleAsync(HttpContext context)
    {
        if (HttpMethods.IsPost(context.Request.Method))
        {
            using WholeBody body = await WholeBody.ReadAsync(context, pool, MostBytes).ConfigureAwait(false);
            Check(body.Bytes);
        }

        ErrorWriter.WriteJson(context, StatusCodes.Status200OK, Off);
    }

    /// <summary>Takes what changes nothing: null, which clears a setting, and the values that are.</summary>
    private static void Check(ReadOnlySpan<byte> body)
    {
        JsonCursor cursor = new(body);
        JsonValues.BeginObject(ref cursor, "request");
        bool isFirst = true;
        while (cursor.TryNextMember(ref isFirst, out JsonString key))
        {
            cursor.Peek();
            if (cursor.TryReadLiteral("null"u8)) continue;
            string name = key.ToString();
            TraceSettings.CheckName(name);
            if (name == TraceSettings.Level) TraceSettings.CheckLevels(ReadLevels(ref cursor));
            else TraceSettings.Check(name, JsonValues.ReadString(ref cursor, name).ToString());
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
}
