using Gateway.Server.MessagePack;

namespace Gateway.Server.Grpc.Inference;

/// <summary>One entry of a map of parameters.</summary>
internal struct InferParameterEntry
{
    public Slice Name;
    public ParameterKind Kind;

    /// <summary>A number's bits, or whether a bool is true.</summary>
    public long Bits;

    public Slice Text;
}
