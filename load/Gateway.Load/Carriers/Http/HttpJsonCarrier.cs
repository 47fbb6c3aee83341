using System.Text.Json;
using Gateway.Load.Payloads;

namespace Gateway.Load.Carriers.Http;

/// <summary>The Open Inference Protocol with tensors as JSON numbers.</summary>
internal sealed class HttpJsonCarrier : HttpCarrier
{
    public override string Name => "http-json";

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
                json.WritePropertyName("data"u8);
                TensorJson.WriteData(json, input);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return new HttpBody("POST", InferPath(target), "application/json", stream.ToArray());
    }
}
