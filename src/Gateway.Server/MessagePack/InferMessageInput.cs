using Gateway.Protocol.Tensors;

namespace Gateway.Server.MessagePack;

/// <summary>One element of a request's <c>inputs</c>.</summary>
internal struct InferMessageInput
{
    public Slice Name;
    public DataType DataType;
    public TensorShape Shape;
    public Slice Data;

    /// <summary>The feature view whose keys the data are; null where they are what the model takes.</summary>
    public Slice? View;
}
