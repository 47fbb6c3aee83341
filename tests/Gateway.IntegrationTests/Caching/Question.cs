using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Gateway.Client;
using Gateway.Protocol.Tensors;

namespace Gateway.IntegrationTests.Caching;

/// <summary>An input of a question.</summary>
/// <param name="Values">Numbers, or strings.</param>
/// <param name="View">The feature view whose keys they are; null where they are what the model takes.</param>
internal sealed record QuestionInput(string Name, string Type, long[] Shape, object[] Values, string? View = null)
{
    /// <summary>Its parameters in JSON; null for none.</summary>
    public Dictionary<string, object>? Parameters(int? binaryBytes = null)
    {
        Dictionary<string, object> parameters = [];
        if (View is not null) parameters["feature_view"] = View;
        if (binaryBytes is { } bytes) parameters["binary_data_size"] = bytes;
        return parameters.Count > 0 ? parameters : null;
    }

    /// <summary>Its bytes as the protocols have them raw.</summary>
    public byte[] Raw()
    {
        using MemoryStream bytes = new();
        foreach (object value in Values)
        {
            switch (value)
            {
                case float number:
                    bytes.Write(BitConverter.GetBytes(number));
                    break;
                case long number:
                    bytes.Write(BitConverter.GetBytes(number));
                    break;
                case string text:
                    byte[] utf8 = Encoding.UTF8.GetBytes(text);
                    bytes.Write(BitConverter.GetBytes(utf8.Length));
                    bytes.Write(utf8);
                    break;
            }
        }

        return bytes.ToArray();
    }
}

/// <summary>One request for a sample model, in every protocol's words.</summary>
internal sealed record Question(string Model, QuestionInput[] Inputs)
{
    /// <summary>Of each sample model one that differs by its number.</summary>
    public static Question[] Samples(int number)
    {
        Random random = new(number);
        object[] Floats(int count, int most) => [.. Enumerable.Range(0, count).Select(_ => (object)(random.Next(4 * most) / 4f))];
        return
        [
            new("digits", [new("image", "FP32", [2, 1, 8, 8], Floats(128, 16))]),
            new("wine", [new("measured", "FP32", [1, 11], Floats(11, 30)), new("whole", "INT64", [1, 2], [100L + number, 700L + random.Next(100)])]),
            new("language", [new("text", "BYTES", [2, 1], [$"where is the library number {number}", "wo ist die Bücherei"])]),
            new("denoise", [new("noisy", "FP32", [1, 3, 64, 64], Floats(3 * 64 * 64, 255))]),
        ];
    }

    public string Json(string parameters = "") => JsonSerializer.Serialize(new
    {
        inputs = Inputs.Select(input => new { name = input.Name, datatype = input.Type, shape = input.Shape, parameters = input.Parameters() ?? [], data = input.Values }),
    })[..^1] + parameters + "}";

    /// <summary>A JSON head that asks for binary outputs, and the tensors behind it.</summary>
    public (byte[] Body, int HeadLength) Binary(string? cache = null)
    {
        Dictionary<string, object> parameters = new() { ["binary_data_output"] = true };
        if (cache is not null) parameters["cache"] = cache;
        byte[] head = JsonSerializer.SerializeToUtf8Bytes(new
        {
            inputs = Inputs.Select(input => new { name = input.Name, datatype = input.Type, shape = input.Shape, parameters = input.Parameters(input.Raw().Length) }),
            parameters,
        });
        return ([.. head, .. Inputs.SelectMany(input => input.Raw())], head.Length);
    }

    /// <summary>For the .NET client, whose inputs come in the other order: that changes nothing.</summary>
    public InferenceRequest Message()
    {
        // Without a deadline, as in the other protocols: one that is more urgent than another's run is not answered by that.
        InferenceRequest request = new(Model) { Timeout = Timeout.InfiniteTimeSpan };
        foreach (QuestionInput input in Inputs.Reverse())
        {
            DataType type = input.Type == "BYTES" ? DataType.Bytes : input.Type == "FP32" ? DataType.Fp32 : DataType.Int64;
            request.AddRawInput(input.Name, type, input.Raw(), input.Shape);
            if (input.View is { } view) request.FromFeatureView(view);
        }

        return request;
    }

    /// <summary>A <c>ModelInferRequest</c> behind gRPC's prefix; the numbers are those of the protocol's definition.</summary>
    /// <param name="isTyped">Whether each tensor has its own numbers, as <c>InferTensorContents</c>, and not raw bytes behind all.</param>
    public byte[] Grpc(bool isTyped = false, string? cache = null)
    {
        List<byte> message = [.. Field(1, Encoding.UTF8.GetBytes(Model)), .. Parameter("cache", cache)];
        foreach (QuestionInput input in Inputs)
        {
            byte[] shape = [.. input.Shape.SelectMany(dimension => Varint(dimension))];
            message.AddRange(Field(5, [.. Field(1, Encoding.UTF8.GetBytes(input.Name)), .. Field(2, Encoding.UTF8.GetBytes(input.Type)), .. Field(3, shape), .. Parameter("feature_view", input.View), .. isTyped ? Field(5, Contents(input)) : []]));
        }

        foreach (QuestionInput input in isTyped ? [] : Inputs) message.AddRange(Field(7, input.Raw()));
        byte[] prefix = new byte[5];
        BinaryPrimitives.WriteInt32BigEndian(prefix.AsSpan(1), message.Count);
        return [.. prefix, .. message];
    }

    private static byte[] Contents(QuestionInput input) => input.Type switch
    {
        "FP32" => Field(6, input.Raw()),
        "INT64" => Field(3, [.. input.Values.SelectMany(value => Varint((long)value))]),
        _ => [.. input.Values.SelectMany(value => Field(8, Encoding.UTF8.GetBytes((string)value)))],
    };

    /// <summary>An entry of the parameters of a tensor or a request, whose value is of the field for strings.</summary>
    private static byte[] Parameter(string name, string? value) =>
        value is null ? [] : Field(4, [.. Field(1, Encoding.UTF8.GetBytes(name)), .. Field(2, Field(3, Encoding.UTF8.GetBytes(value)))]);

    private static byte[] Field(int number, byte[] content) => [.. Varint((number << 3) | 2), .. Varint(content.Length), .. content];

    private static List<byte> Varint(long value)
    {
        List<byte> bytes = [];
        for (; value >= 0x80; value >>= 7) bytes.Add((byte)(value | 0x80));
        bytes.Add((byte)value);
        return bytes;
    }
}
