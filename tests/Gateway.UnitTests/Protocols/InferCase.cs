using System.Net;
using System.Text.Json;
using Gateway.Server.Grpc.Messages;
using Gateway.Server.Grpc.Wire;
using Google.Protobuf;

namespace Gateway.UnitTests.Protocols;

/// <summary>An inference that goes wrong, as both protocols send it, and what each says.</summary>
/// <param name="Name">What is wrong.</param>
internal sealed record InferCase(string Name, GrpcStatus Grpc, HttpStatusCode Http, string Text)
{
    public string Model { get; init; } = "rank";

    /// <summary>Empty for any.</summary>
    public string Version { get; init; } = "";

    /// <summary>Name, type, shape and bytes of each; null bytes for one that lies elsewhere.</summary>
    public (string Name, string Type, long[] Shape, byte[]? Bytes)[] Inputs { get; init; } = [("x", "FP32", [1, 3], new byte[12])];

    /// <summary>Of the request; numbers, booleans and texts.</summary>
    public Dictionary<string, object> Parameters { get; init; } = [];

    /// <summary>Of the first input.</summary>
    public Dictionary<string, object> InputParameters { get; init; } = [];

    /// <summary>Of the output <see cref="Output"/>.</summary>
    public Dictionary<string, object> OutputParameters { get; init; } = [];

    /// <summary>The output that is asked for; null for all.</summary>
    public string? Output { get; init; }

    /// <summary>What HTTP says where that is another text: JSON has other types.</summary>
    public string? HttpText { get; init; }

    public string Path => $"/v2/models/{Model}{(Version.Length > 0 ? "/versions/" : "")}{Version}/infer";

    public ModelInferRequest ToMessage()
    {
        ModelInferRequest request = new() { ModelName = Model, ModelVersion = Version };
        foreach ((string name, string type, long[] shape, byte[]? bytes) in Inputs)
        {
            request.Inputs.Add(new ModelInferRequest.Types.InferInputTensor { Name = name, Datatype = type, Shape = { shape } });
            if (bytes is not null) request.RawInputContents.Add(ByteString.CopyFrom(bytes));
        }

        foreach ((string name, object value) in Parameters) request.Parameters[name] = Parameter(value);
        foreach ((string name, object value) in InputParameters) request.Inputs[0].Parameters[name] = Parameter(value);
        if (Output is null) return request;
        ModelInferRequest.Types.InferRequestedOutputTensor output = new() { Name = Output };
        foreach ((string name, object value) in OutputParameters) output.Parameters[name] = Parameter(value);
        request.Outputs.Add(output);
        return request;
    }

    /// <summary>The JSON and the bytes that follow it.</summary>
    public (byte[] Json, byte[] Bytes) ToHttp()
    {
        Dictionary<string, object> request = new() { ["inputs"] = Inputs.Select((input, i) => ToJson(input, i == 0)).ToArray() };
        if (Parameters.Count > 0) request["parameters"] = Parameters;
        if (Output is not null) request["outputs"] = new[] { new Dictionary<string, object> { ["name"] = Output, ["parameters"] = OutputParameters } };
        return (JsonSerializer.SerializeToUtf8Bytes(request), [.. Inputs.SelectMany(input => input.Bytes ?? [])]);
    }

    private Dictionary<string, object> ToJson((string Name, string Type, long[] Shape, byte[]? Bytes) input, bool isFirst)
    {
        Dictionary<string, object> parameters = isFirst ? new(InputParameters) : [];
        if (input.Bytes is not null) parameters["binary_data_size"] = input.Bytes.Length;
        return new() { ["name"] = input.Name, ["datatype"] = input.Type, ["shape"] = input.Shape, ["parameters"] = parameters };
    }

    private static InferParameter Parameter(object value) => value switch
    {
        bool flag => new InferParameter { BoolParam = flag },
        string text => new InferParameter { StringParam = text },
        ulong number => new InferParameter { Int64Param = unchecked((long)number) },
        double number => new InferParameter { DoubleParam = number },
        _ => new InferParameter { Int64Param = Convert.ToInt64(value, System.Globalization.CultureInfo.InvariantCulture) },
    };
}
