using Gateway.Server.Grpc.Messages;
using Gateway.UnitTests.OpenInference;
using Google.Protobuf;

namespace Gateway.UnitTests.Grpc;

/// <summary>Requests for the models of <see cref="SampleModels"/>.</summary>
internal static class Requests
{
    /// <summary>A request with one raw input of floats.</summary>
    public static ModelInferRequest Raw(string model, long[] shape, params float[] elements) => new()
    {
        ModelName = model,
        Inputs = { new ModelInferRequest.Types.InferInputTensor { Name = "x", Datatype = "FP32", Shape = { shape } } },
        RawInputContents = { ByteString.CopyFrom(SampleModels.Bytes(elements)) },
    };

    /// <summary>Likewise, with typed contents.</summary>
    public static ModelInferRequest Typed(string model, string type, long[] shape, InferTensorContents contents, string name = "x") => new()
    {
        ModelName = model,
        Inputs = { new ModelInferRequest.Types.InferInputTensor { Name = name, Datatype = type, Shape = { shape }, Contents = contents } },
    };

    public static float[] Floats(ByteString bytes)
    {
        float[] floats = new float[bytes.Length / sizeof(float)];
        Buffer.BlockCopy(bytes.ToByteArray(), 0, floats, 0, bytes.Length);
        return floats;
    }
}
