using System.Runtime.InteropServices;

namespace Gateway.Harness.Load;

/// <summary>Tells requests apart whose last bytes are those of an FP32 tensor.</summary>
internal static class Stamp
{
    /// <summary>Writes a number into the last two elements, half of it into each, as numbers that are ordinary to a model.</summary>
    /// <param name="number">From 0 to 2^40 - 1.</param>
    public static void Write(Span<byte> request, long number)
    {
        // 2^20 is exact in FP32, and so is 1 / 2^20 of each number below it.
        const int HalfBits = 20;
        Span<float> last = stackalloc float[2];
        last[0] = (number & ((1 << HalfBits) - 1)) / (float)(1 << HalfBits);
        last[1] = (number >> HalfBits) / (float)(1 << HalfBits);
        MemoryMarshal.AsBytes(last).CopyTo(request[^(2 * sizeof(float))..]);
    }
}
