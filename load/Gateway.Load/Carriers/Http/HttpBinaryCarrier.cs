using System.Text.Json;
using Gateway.Load.Payloads;

namespace Gateway.Load.Carriers.Http;

/// <summary>The Open Inference Protocol with the binary tensor extension, both ways.</summary>
internal sealed class HttpBinaryCarrier : HttpCarrier
{
    public override string Name => "http-binary";

    public override IReadOnlyList<TensorPayload> Decode(ReadOnlySpan<byte> body, int bodyHeaderBytes) => InferJson.ReadOutputs(body, bodyHeaderBytes);

    protected override HttpBody Body(RequestPayload payload, RequestTarget target)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream))
        {
            json.WriteStartObject();
            json.WriteStartArray("inputs"u8);
            foreach (TensorPayload input in payload.Inputs)
            {
                InferJson.WriteHead(json, input);
                json.WriteStartObject("parameters"u8);
                json.WriteNumber("binary_data_size"u8, input.Data.Length);
                json.WriteEndObject();
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteStartObject("parameters"u8);
            json.WriteBoolean("binary_data_output"u8, true);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        int header = (int)stream.Length;
        foreach (TensorPayload input in payload.Inputs) stream.Write(input.Data);
        return new HttpBody("POST", InferPath(target), "application/octet-stream", stream.ToArray(), header);
    }
}
