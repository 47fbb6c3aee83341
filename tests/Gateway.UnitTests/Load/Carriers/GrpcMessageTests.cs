using Gateway.Load.Carriers;
using Gateway.Load.Carriers.Grpc;
using Gateway.Load.Payloads;
using Gateway.Server.Grpc.Messages;
using Google.Protobuf;
using DataType = Gateway.Protocol.Tensors.DataType;

namespace Gateway.UnitTests.Load.Carriers;

/// <summary>Messages against Google's own code for them.</summary>
public class GrpcMessageTests
{
    private static readonly GrpcCarrier Carrier = new();
    private static readonly RequestTarget Target = new("host:1", "echo", "2", "/", HasTimeout: false, [], null);

    [Fact]
    public void Encode_Tensors_IsTheProtocolsMessage()
    {
        RequestPayload payload = new([new TensorPayload("x", DataType.Fp32, [1, 300], new byte[1200]), new TensorPayload("empty", DataType.Bytes, [0], [])]);

        ModelInferRequest request = ModelInferRequest.Parser.ParseFrom(Carrier.Encode(payload, Target).Bytes.AsSpan(5).ToArray());

        Assert.Equal(("echo", "2"), (request.ModelName, request.ModelVersion));
        Assert.Equal(["x FP32 1,300", "empty BYTES 0"], request.Inputs.Select(input => $"{input.Name} {input.Datatype} {string.Join(",", input.Shape)}"));
        Assert.Equal([1200, 0], request.RawInputContents.Select(raw => raw.Length));
    }

    [Fact]
    public void ReadDescription_Metadata_HasItsTensors()
    {
        ModelMetadataResponse metadata = new() { Name = "m", Platform = "p", Versions = { "1" } };
        metadata.Inputs.Add(new ModelMetadataResponse.Types.TensorMetadata { Name = "x", Datatype = "FP32", Shape = { -1, 64 } });
        metadata.Outputs.Add(new ModelMetadataResponse.Types.TensorMetadata { Name = "y", Datatype = "INT64", Shape = { -1 } });

        ModelDescription model = Carrier.ReadDescription(metadata.ToByteArray());

        Assert.Equal("m", model.Name);
        Assert.Equal(("x", DataType.Fp32), (model.Inputs[0].Name, model.Inputs[0].DataType));
        Assert.Equal([-1, 64], model.Inputs[0].Shape);
        Assert.Equal(("y", DataType.Int64), (model.Outputs[0].Name, model.Outputs[0].DataType));
    }

    [Fact]
    public void Decode_RawAndTyped_AreTheSameTensor()
    {
        ModelInferResponse.Types.InferOutputTensor output = new() { Name = "y", Datatype = "FP32", Shape = { 2 } };
        ModelInferResponse raw = new() { Outputs = { output.Clone() }, RawOutputContents = { ByteString.CopyFrom([0, 0, 0, 63, 0, 0, 128, 191]) } };
        output.Contents = new InferTensorContents { Fp32Contents = { 0.5f, -1f } };
        ModelInferResponse typed = new() { Outputs = { output } };

        Assert.Equal(Carrier.Decode(raw.ToByteArray(), 0)[0].Data, Carrier.Decode(typed.ToByteArray(), 0)[0].Data);
    }

    [Fact]
    public void Decode_TypedNumbersAndStrings_AreCutToTheirType()
    {
        ModelInferResponse response = new();
        response.Outputs.Add(new ModelInferResponse.Types.InferOutputTensor { Name = "a", Datatype = "INT8", Shape = { 2 }, Contents = new InferTensorContents { IntContents = { -1, 2 } } });
        response.Outputs.Add(new ModelInferResponse.Types.InferOutputTensor { Name = "b", Datatype = "BYTES", Shape = { 1 }, Contents = new InferTensorContents { BytesContents = { ByteString.CopyFromUtf8("hi") } } });

        IReadOnlyList<TensorPayload> outputs = Carrier.Decode(response.ToByteArray(), 0);

        Assert.Equal([255, 2], outputs[0].Data);
        Assert.Equal([2, 0, 0, 0, (byte)'h', (byte)'i'], outputs[1].Data);
    }

    [Fact]
    public void Decode_DamagedMessages_AreFormatExceptionsAndNothingElse()
    {
        Random random = new(6);
        ModelInferResponse response = new() { ModelName = "m", RawOutputContents = { ByteString.CopyFrom(new byte[8]) } };
        response.Outputs.Add(new ModelInferResponse.Types.InferOutputTensor { Name = "y", Datatype = "FP32", Shape = { 2 }, Contents = new InferTensorContents { Fp32Contents = { 0.5f, -1f } } });
        byte[] good = response.ToByteArray();
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = good[..random.Next(1, good.Length + 1)];
            for (int j = random.Next(3); j >= 0; j--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            try
            {
                Carrier.Decode(bytes, 0);
            }
            catch (FormatException)
            {
                // What a wrong answer is.
            }
        }
    }
}
