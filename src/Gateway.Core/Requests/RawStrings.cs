using System.Buffers.Binary;
using Gateway.Core.Models;

namespace Gateway.Core.Requests;

/// <summary>Strings in the protocol's raw form: before each a 32-bit little-endian length.</summary>
public static class RawStrings
{
    /// <summary>Takes the first element off <paramref name="raw"/>.</summary>
    /// <returns>False when <paramref name="raw"/> is empty or ends within the element.</returns>
    public static bool TryRead(ref ReadOnlySpan<byte> raw, out ReadOnlySpan<byte> element)
    {
        element = default;
        if (!BinaryPrimitives.TryReadUInt32LittleEndian(raw, out uint length) || length > raw.Length - sizeof(uint)) return false;
        element = raw.Slice(sizeof(uint), (int)length);
        raw = raw[(sizeof(uint) + (int)length)..];
        return true;
    }

    /// <summary>Where <paramref name="elements"/> elements end, in bytes; all of them must be whole.</summary>
    public static int Skip(ReadOnlySpan<byte> raw, long elements)
    {
        ReadOnlySpan<byte> rest = raw;
        for (long i = 0; i < elements && TryRead(ref rest, out _); i++)
        {
        }

        return raw.Length - rest.Length;
    }

    internal static void Check(InferenceRequest request, TensorSpec spec, in InputTensor input, long elements)
    {
        ReadOnlySpan<byte> rest = input.Bytes(request.Block);
        string model = request.Model.Name;
        long count = 0;
        while (rest.Length > 0)
        {
            if (rest.Length < sizeof(uint))
            {
                throw RequestValidation.Invalid(
                    request,
                    $"incomplete string length indicator for inference input '{spec.Name}' for model '{model}', expecting 4 bytes but only {rest.Length} bytes available");
            }

            int before = rest.Length;
            if (!TryRead(ref rest, out _))
            {
                uint length = BinaryPrimitives.ReadUInt32LittleEndian(rest);
                throw RequestValidation.Invalid(
                    request,
                    $"incomplete string data for inference input '{spec.Name}' for model '{model}', expecting string of length {length} but only {before - sizeof(uint)} bytes available");
            }

            count++;
            if (count > elements)
            {
                throw RequestValidation.Invalid(
                    request, $"unexpected number of string elements {count} for inference input '{spec.Name}' for model '{model}', expecting {elements}");
            }
        }

        if (count != elements)
        {
            throw RequestValidation.Invalid(request, $"expected {elements} string elements for inference input '{spec.Name}' for model '{model}', got {count}");
        }
    }
}
