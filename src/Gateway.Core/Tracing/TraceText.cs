using System.Buffers;
using System.Text.Json;

namespace Gateway.Core.Tracing;

/// <summary>A trace as Triton's tools read it: JSON objects of an array, the first with what the request was, the second with its times in nanoseconds.</summary>
internal static class TraceText
{
    private static readonly JsonWriterOptions Options = new() { SkipValidation = true };

    // Text of what stands between the objects that the writer of JSON makes.
    private static ReadOnlySpan<byte> Comma => ","u8;

    /// <param name="frequency">Ticks of the traces' clock a second.</param>
    public static void Write(IBufferWriter<byte> to, RequestTrace trace, long frequency)
    {
        using Utf8JsonWriter json = new(to, Options);
        json.WriteStartObject();
        json.WriteNumber("id"u8, trace.Id);
        json.WriteString("model_name"u8, trace.Model);
        json.WriteNumber("model_version"u8, trace.Version);
        if (trace.RequestId.Length > 0) json.WriteString("request_id"u8, trace.RequestId);
        json.WriteEndObject();
        json.Flush();
        json.Reset();
        to.Write(Comma);

        json.WriteStartObject();
        json.WriteNumber("id"u8, trace.Id);
        json.WriteStartArray("timestamps"u8);
        foreach ((string name, long time) in Times(trace))
        {
            if (time == 0) continue;
            json.WriteStartObject();
            json.WriteString("name"u8, name);
            json.WriteNumber("ns"u8, (long)((Int128)time * 1_000_000_000 / frequency));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
    }

    /// <summary>The times by Triton's names, in their order; 0 for a stage that was not reached.</summary>
    private static IEnumerable<(string Name, long Time)> Times(RequestTrace trace)
    {
        (string receive, string send) = trace.Protocol switch
        {
            TraceProtocol.Http => ("HTTP_RECV", "HTTP_SEND"),
            TraceProtocol.Grpc => ("GRPC_WAITREAD", "GRPC_SEND"),
            _ => ("", ""),
        };
        if (receive.Length > 0)
        {
            yield return (receive + "_START", trace.ReceiveStart);
            yield return (receive + "_END", trace.Times.Queued);
        }

        yield return ("REQUEST_START", trace.Times.Queued);
        yield return ("QUEUE_START", trace.Times.Queued);
        yield return ("COMPUTE_START", trace.Times.GatherStart);
        yield return ("COMPUTE_INPUT_END", trace.Times.RunStart);
        yield return ("COMPUTE_OUTPUT_START", trace.Times.RunEnd);
        yield return ("COMPUTE_END", trace.Times.RunEnd == 0 ? 0 : trace.Times.Released);
        yield return ("REQUEST_END", trace.Times.Released);
        if (send.Length == 0) yield break;
        yield return (send + "_START", trace.Times.Released);
        yield return (send + "_END", trace.SendEnd);
    }
}
