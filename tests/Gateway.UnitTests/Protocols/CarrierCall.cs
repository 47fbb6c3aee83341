using System.Globalization;
using System.Numerics;
using System.Text;
using Gateway.Server.Grpc.Messages;
using Gateway.Server.OpenInference;
using Gateway.UnitTests.Frames;
using Gateway.UnitTests.Grpc;
using Gateway.UnitTests.Messages;
using Gateway.UnitTests.OpenInference;
using Google.Protobuf;
using Map = System.Collections.Generic.Dictionary<string, object?>;

namespace Gateway.UnitTests.Protocols;

/// <summary>The same inference over every protocol, with its time in each of the places where a client can say it.</summary>
internal sealed class CarrierCall(GrpcServer server)
{
    /// <summary>Places for a time: a header's is milliseconds, <c>grpc-timeout</c>'s has a unit, a parameter's is microseconds.</summary>
    public static readonly string[] All =
    [
        "HTTP header", "HTTP parameter", "generate header", "MessagePack header", "MessagePack parameter", "frame parameter",
        "gRPC header", "grpc-timeout", "gRPC parameter", "stream header", "stream parameter", "TensorFlow header",
    ];

    /// <summary>Calls a model that takes one number.</summary>
    /// <param name="time">As a client writes it; null for none.</param>
    /// <returns>Whether it was answered, and else the text of the error.</returns>
    public async Task<(bool IsOk, string Error)> SendAsync(string model, string carrier, string? time)
    {
        string? header = carrier.EndsWith(" header", StringComparison.Ordinal) ? time : null;
        string? parameter = carrier.EndsWith(" parameter", StringComparison.Ordinal) ? time : null;
        switch (carrier.Split(' ')[0])
        {
            case "HTTP":
                return Of(await PostAsync($"/v2/models/{model}/infer", Encoding.UTF8.GetBytes($$"""{{{(parameter is null ? "" : $"\"parameters\":{{\"timeout\":{parameter}}},")}}"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]}]}"""), "application/json", header));
            case "generate":
                return Of(await PostAsync($"/v2/models/{model}/generate", """{"x":[1]}"""u8.ToArray(), "application/json", header));
            case "TensorFlow":
                return Of(await PostAsync($"/v1/models/{model}:predict", """{"instances":[[1]]}"""u8.ToArray(), "application/json", header));
            case "MessagePack":
                Answer answer = await PostAsync($"/v2/models/{model}/infer", Maps.Write(Message(parameter)), "application/msgpack", header);
                return ((int)answer.Status == 200, (int)answer.Status == 200 ? "" : (string)((Map)Maps.Read(answer.Body)!)["error"]!);
            case "frame":
                using (FrameSocket socket = await FrameSocket.GreetAsync(server.Server))
                {
                    await socket.InferAsync(7, model, Message(parameter));
                    (string kind, _, Map body) = await socket.ReceiveAsync();
                    return (kind == "infer", kind == "infer" ? "" : (string)body["error"]!);
                }

            case "stream":
                GrpcAnswer streamed = await server.Client.SendAsync(GrpcClient.Service + "ModelStreamInfer", GrpcClient.Frame(Request(model, parameter).ToByteArray()), Metadata(carrier, time));
                string error = streamed.Messages.Count > 0 ? ModelStreamInferResponse.Parser.ParseFrom(streamed.Messages[0]).ErrorMessage : streamed.Message;
                return (error.Length == 0, error);
            default:
                GrpcAnswer called = await server.Client.CallAsync("ModelInfer", Request(model, parameter), Metadata(carrier, time));
                return (called.Status == 0, called.Message);
        }
    }

    private static (bool IsOk, string Error) Of(Answer answer) => ((int)answer.Status == 200, (int)answer.Status == 200 ? "" : answer.Text);

    private Task<Answer> PostAsync(string path, byte[] body, string type, string? header)
    {
        HttpRequestMessage request = new(HttpMethod.Post, path) { Content = new ByteArrayContent(body) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        if (header is not null) request.Headers.TryAddWithoutValidation(TimeoutHeader.Name, header);
        return server.Server.SendAsync(request);
    }

    private static (string Name, string Value)[] Metadata(string carrier, string? time) => (carrier, time) switch
    {
        (_, null) => [],
        ("grpc-timeout", _) => [("grpc-timeout", time)],
        _ when carrier.EndsWith(" header", StringComparison.Ordinal) => [("inference-timeout-ms", time)],
        _ => [],
    };

    private static ModelInferRequest Request(string model, string? parameter)
    {
        ModelInferRequest request = Grpc.Requests.Raw(model, [1, 1], 1);
        if (parameter is not null) request.Parameters["timeout"] = new InferParameter { Int64Param = (long)BigInteger.Min(long.MaxValue, BigInteger.Parse(parameter, CultureInfo.InvariantCulture)) };
        return request;
    }

    private static Map Message(string? parameter) =>
        parameter is null ? Maps.Request(1) : Maps.With(Maps.Request(1), "parameters", new Map { ["timeout"] = Int128.Parse(parameter, CultureInfo.InvariantCulture) });
}
