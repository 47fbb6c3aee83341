using Gateway.Protocol.Tensors;

namespace Gateway.Core.Requests;

/// <summary>One output: its type and shape, and its bytes, which somebody else's lease keeps alive.</summary>
/// <remarks>The bytes are row-major and little-endian; strings are in the protocol's raw form, a 32-bit length before each.</remarks>
public unsafe struct OutputTensor
{
    public DataType DataType;

    /// <summary>With the batch dimension, when the model has one.</summary>
    public TensorShape Shape;

    /// <summary>First byte; valid only as long as the response (or the batch) that it belongs to is not disposed.</summary>
    public byte* Address;

    public int ByteLength;

    public readonly ReadOnlySpan<byte> Bytes => new(Address, ByteLength);
}
