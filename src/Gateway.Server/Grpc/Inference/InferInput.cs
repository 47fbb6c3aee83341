using Gateway.Protocol.Tensors;
using Gateway.Server.MessagePack;

namespace Gateway.Server.Grpc.Inference;

/// <summary>One element of <c>inputs</c>, as it lies in the message.</summary>
internal struct InferInput
{
    public Slice Name;
    public Slice DataType;
    public TensorShape Shape;

    /// <summary>The shape has more dimensions than are served.</summary>
    public bool HasTooManyDimensions;

    public ParameterRange Parameters;

    /// <summary>All of it: its typed contents are read from there, once it is known where to.</summary>
    public Slice Body;

    public bool HasContents;

    /// <summary>Which fields of its contents have elements: bit <i>n</i> for field <i>n</i>.</summary>
    public int ContentFields;

    public long ContentElements;

    /// <summary>Bytes that elements of strings take in the raw form.</summary>
    public long ContentTextBytes;
}
