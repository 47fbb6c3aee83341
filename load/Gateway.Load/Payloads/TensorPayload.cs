using Gateway.Protocol.Tensors;

namespace Gateway.Load.Payloads;

/// <summary>A tensor to send, or one that came back.</summary>
/// <param name="Data">Row-major, little-endian; of <c>BYTES</c> each element with its 32-bit length before it.</param>
internal sealed record TensorPayload(string Name, DataType DataType, long[] Shape, byte[] Data)
{
    /// <summary>Elements by the shape.</summary>
    public long Elements
    {
        get
        {
            long elements = 1;
            foreach (long dimension in Shape) elements *= dimension;
            return elements;
        }
    }
}
