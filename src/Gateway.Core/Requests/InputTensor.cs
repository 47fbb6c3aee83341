using Gateway.Core.Features;
using Gateway.Core.Memory;
using Gateway.Protocol.Tensors;

namespace Gateway.Core.Requests;

/// <summary>One input of a request: its type and shape, and where its bytes lie.</summary>
/// <remarks>The bytes are row-major and little-endian; strings are in the protocol's raw form, a 32-bit length before each.</remarks>
public struct InputTensor
{
    /// <summary><see cref="DataType.Invalid"/> when the request does not bring this input.</summary>
    public DataType DataType;

    /// <summary>With the batch dimension, when the model has one.</summary>
    public TensorShape Shape;

    /// <summary>Where the bytes begin in the request's block.</summary>
    public int Offset;

    public int ByteLength;

    /// <summary>Where its rows are to be looked up, of a tensor of keys; null for one that is what the model takes.</summary>
    public FeatureView? View;

    public readonly bool IsPresent => DataType != DataType.Invalid;

    /// <summary>The bytes, in <paramref name="block"/>, the request's block.</summary>
    public readonly ReadOnlySpan<byte> Bytes(MemoryBlock? block) => ByteLength == 0 ? default : block!.Span.Slice(Offset, ByteLength);
}
