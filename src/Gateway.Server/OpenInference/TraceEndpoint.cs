using Gateway.Core.Memory;
using Gateway.Protocol;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.OpenInference;

/// <summary>The trace extension, of a server that writes no traces: says so, and refuses by name what would have one written.</summary>
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
            switch (name)
            {
                case "trace_level":
                    CheckLevels(ref cursor);
                    break;
                case "trace_file":
                    throw new InferenceException(StatusCode.Unsupported, "trace file location can not be updated through network protocol");
                case "trace_rate" or "trace_count" or "log_frequency" or "trace_mode":
                    CheckIs(name, JsonValues.ReadString(ref cursor, name).ToString());
                    break;
                default:
                    throw Errors.Invalid($"unknown trace setting '{name}'");
            }
        }

        cursor.ReadEnd();
    }

    private static void CheckLevels(ref JsonCursor cursor)
    {
        JsonValues.BeginArray(ref cursor, "trace_level");
        bool isFirst = true;
        int levels = 0;
        bool isOff = false;
        while (cursor.TryNextElement(ref isFirst))
        {
            string level = JsonValues.ReadString(ref cursor, "trace_level").ToString();
            levels++;
            isOff |= level == "OFF";
            if (level is "TIMESTAMPS" or "TENSORS") throw NotServed("trace_level");
        }

        if (isOff && levels > 1) throw Errors.Invalid("Expect only one trace level 'OFF' is specified");
    }

    private static void CheckIs(string name, string value)
    {
        string current = name switch
        {
            "trace_rate" => "1000",
            "trace_count" => "-1",
            "log_frequency" => "0",
            _ => "triton",
        };
        if (value == current) return;
        if (name != "trace_mode" && !long.TryParse(value, out _)) throw Errors.Invalid($"Unable to parse '{name}', got: {(value.Length > 64 ? value[..64] : value)}");
        throw NotServed(name);
    }

    private static InferenceException NotServed(string name) => new(StatusCode.Unsupported, $"'{name}' cannot be changed: this server writes no traces");
}
