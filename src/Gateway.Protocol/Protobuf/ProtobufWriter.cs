using System.Numerics;
using System.Text;

namespace Gateway.Protocol.Protobuf;

/// <summary>Writes fields into a span that is large enough; the sizes are here, too.</summary>
/// <remarks><b>Threading</b>: one thread. <b>Cost</b>: no allocation.</remarks>
public ref struct ProtobufWriter(Span<byte> destination)
{
    private readonly Span<byte> _bytes = destination;

    /// <summary>Bytes written.</summary>
    public int Position { get; private set; }

    public static int VarintSize(ulong value) => (70 - BitOperations.LeadingZeroCount(value | 1)) / 7;

    /// <summary>Bytes of a field of so many bytes whose number is below 16.</summary>
    public static long FieldSize(long length) => 1 + VarintSize((ulong)length) + length;

    /// <summary>Likewise, of a field that is left out when it is empty.</summary>
    public static long TextSize(int length) => length == 0 ? 0 : FieldSize(length);

    public static int Utf8Size(string text) => Encoding.UTF8.GetByteCount(text);

    /// <summary>Writes the tag of a field below 16.</summary>
    public void WriteTag(int field, WireType type) => _bytes[Position++] = (byte)((field << 3) | (int)type);

    public void WriteVarint(ulong value)
    {
        int position = Position;
        while (value >= 0x80)
        {
            _bytes[position++] = (byte)(value | 0x80);
            value >>= 7;
        }

        _bytes[position++] = (byte)value;
        Position = position;
    }

    /// <summary>Writes the tag and the length of a field whose bytes follow.</summary>
    public void WriteHeader(int field, long length)
    {
        WriteTag(field, WireType.Bytes);
        WriteVarint((ulong)length);
    }

    /// <summary>Writes a string field, unless it is empty.</summary>
    public void WriteText(int field, ReadOnlySpan<byte> utf8)
    {
        if (utf8.IsEmpty) return;
        WriteHeader(field, utf8.Length);
        utf8.CopyTo(_bytes[Position..]);
        Position += utf8.Length;
    }

    /// <summary>Likewise.</summary>
    /// <param name="size">Its bytes in UTF-8.</param>
    public void WriteText(int field, string text, int size)
    {
        if (size == 0) return;
        WriteHeader(field, size);
        Position += Encoding.UTF8.GetBytes(text, _bytes[Position..]);
    }
}
