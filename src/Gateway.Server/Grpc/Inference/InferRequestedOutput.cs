using Gateway.Server.MessagePack;

namespace Gateway.Server.Grpc.Inference;

/// <summary>One element of <c>outputs</c>, as it lies in the message.</summary>
internal struct InferRequestedOutput
{
    public Slice Name;
    public ParameterRange Parameters;
}
