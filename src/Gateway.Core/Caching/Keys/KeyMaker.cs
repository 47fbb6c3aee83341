using System.Buffers.Binary;
using System.Text;
using Gateway.Core.Requests;

namespace Gateway.Core.Caching.Keys;

/// <summary>Makes the keys of one model's requests.</summary>
/// <remarks>
/// <b>Behaviour</b>: a key covers the model, its version and load generation, and each input's type, shape and bytes, in the model's own order: whatever order
/// and protocol they came in. Names of inputs are the model's, so its load generation covers them. It does not cover which outputs are wanted and how: an entry
/// has all of them, as the model gave them, and each answer takes its own from there. No parameter of a request reaches a model.
/// <b>Threading</b>: any thread. <b>Cost</b>: one pass over the bytes.
/// </remarks>
internal sealed class KeyMaker
{
    // Type, rank and length, then the dimensions: a multiple of what is absorbed at once.
    private const int MostHeaderBytes = 96;

    private readonly AegisMac _begin;

    public KeyMaker(CacheSecret secret, string model, long version, UInt128 generation)
    {
        AegisMac mac = secret.ForKeys;
        byte[] name = Encoding.UTF8.GetBytes(model);
        Span<byte> header = stackalloc byte[AegisMac.Rate];
        BinaryPrimitives.WriteInt32LittleEndian(header, name.Length);
        BinaryPrimitives.WriteInt64LittleEndian(header[8..], version);
        BinaryPrimitives.WriteUInt128LittleEndian(header[16..], generation);
        mac.Absorb(header);
        mac.Absorb(name);
        _begin = mac;
    }

    /// <param name="request">Checked against its model.</param>
    public CacheKey Of(InferenceRequest request)
    {
        AegisMac mac = _begin;
        Span<byte> header = stackalloc byte[MostHeaderBytes];
        foreach (ref readonly InputTensor input in request.Inputs)
        {
            // The length is in it, so that the zeros that pad the bytes cannot be taken for bytes.
            ReadOnlySpan<long> dims = input.Shape.Dims;
            header[0] = (byte)input.DataType;
            header[1] = (byte)dims.Length;
            header[2..4].Clear();
            BinaryPrimitives.WriteInt32LittleEndian(header[4..], input.ByteLength);
            int length = 8;
            foreach (long dimension in dims)
            {
                BinaryPrimitives.WriteInt64LittleEndian(header[length..], dimension);
                length += sizeof(long);
            }

            mac.Absorb(header[..length]);
            mac.Absorb(input.Bytes(request.Block));
        }

        (UInt128 first, UInt128 second) = mac.Finish();
        return new CacheKey(first, second);
    }
}
