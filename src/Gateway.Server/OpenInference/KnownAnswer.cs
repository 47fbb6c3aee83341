using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;

namespace Gateway.Server.OpenInference;

/// <summary>The JSON part of an answer to a <see cref="KnownHead"/>, for outputs of certain shapes and lengths.</summary>
internal sealed class KnownAnswer(InferenceRequest request, byte[] text)
{
    private readonly (TensorShape Shape, int Bytes)[] _outputs = Describe(request.Outputs);

    public byte[] Text { get; } = text;

    /// <summary>Whether the request's outputs are as those that it was made for.</summary>
    public bool Fits(InferenceRequest request)
    {
        ReadOnlySpan<OutputTensor> outputs = request.Outputs;
        for (int i = 0; i < outputs.Length; i++)
        {
            if (outputs[i].ByteLength != _outputs[i].Bytes || outputs[i].Shape != _outputs[i].Shape) return false;
        }

        return true;
    }

    private static (TensorShape Shape, int Bytes)[] Describe(ReadOnlySpan<OutputTensor> outputs)
    {
        (TensorShape, int)[] described = new (TensorShape, int)[outputs.Length];
        for (int i = 0; i < outputs.Length; i++) described[i] = (outputs[i].Shape, outputs[i].ByteLength);
        return described;
    }
}
