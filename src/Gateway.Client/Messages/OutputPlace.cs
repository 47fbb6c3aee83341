using Gateway.Protocol.Tensors;

namespace Gateway.Client.Messages;

/// <summary>Where the parts of an output lie in an answer's buffer.</summary>
internal struct OutputPlace
{
    public Slice Name;
    public Slice Data;

    /// <summary>Where the array of dimensions begins.</summary>
    public int Shape;
    public DataType DataType;
}
