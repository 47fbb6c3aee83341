using System.Buffers;
using Gateway.Core.Memory;

namespace Gateway.Server.OpenInference;

/// <summary>Collects the bytes of an answer whose length must be known before it is sent.</summary>
/// <remarks>
/// <b>Behaviour</b>: small texts stay in an array of its own, larger ones go to blocks of the pool, and so count against its ceiling.
/// <b>Threading</b>: one at a time. <b>Ownership</b>: <see cref="Clear"/> gives the block back.
/// </remarks>
internal sealed class TextBuffer(BlockPool pool) : IBufferWriter<byte>
{
    // Holds the JSON part of a binary answer with a dozen outputs.
    private const int SmallBytes = 2048;

    private byte[] _small = [];
    private MemoryBlock? _block;

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Written => Whole[..Length];

    private Span<byte> Whole => _block is null ? _small : _block.Span;

    public void Advance(int count) => Length += count;

    public Span<byte> GetSpan(int sizeHint = 1)
    {
        if (Whole.Length - Length < sizeHint) GrowSlow(sizeHint);
        return Whole[Length..];
    }

    public void Write(byte value)
    {
        GetSpan()[0] = value;
        Length++;
    }

    public void Write(ReadOnlySpan<byte> value)
    {
        value.CopyTo(GetSpan(value.Length));
        Length += value.Length;
    }

    public void WriteAscii(string value) => Length += System.Text.Encoding.ASCII.GetBytes(value, GetSpan(value.Length));

    public void WriteNumber<T>(T value)
        where T : IUtf8SpanFormattable
    {
        // Longer than the longest double, -2.2250738585072014E-308.
        const int MostDigits = 32;
        value.TryFormat(GetSpan(MostDigits), out int written, default, System.Globalization.CultureInfo.InvariantCulture);
        Length += written;
    }

    public void Clear()
    {
        Length = 0;
        _block?.Release();
        _block = null;
    }

    Span<byte> IBufferWriter<byte>.GetSpan(int sizeHint) => GetSpan(Math.Max(1, sizeHint));

    Memory<byte> IBufferWriter<byte>.GetMemory(int sizeHint) => throw new NotSupportedException("A block is native memory.");

    private void GrowSlow(int sizeHint)
    {
        // Made at the first use: few answers are compressed or have classes.
        if (_small.Length == 0) _small = new byte[SmallBytes];
        if (_block is null && SmallBytes - Length >= sizeHint) return;
        if (!pool.TryRent(Math.Max((long)Length + sizeHint, 2L * Whole.Length), BlockOwner.ResponseTensors, out MemoryBlock? larger)) throw Errors.NoMemory();
        Written.CopyTo(larger.Span);
        _block?.Release();
        _block = larger;
    }
}
