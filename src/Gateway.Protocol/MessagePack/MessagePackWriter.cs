using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Gateway.Protocol.MessagePack;

/// <summary>Writes MessagePack values one after another into memory of a known size.</summary>
/// <remarks>
/// <para>
/// <b>Behaviour</b>: each value gets its shortest encoding, so the size functions say beforehand how long a message becomes. Containers are written as a
/// header, then their values; that the counts are kept is up to the caller. A value that does not fit the memory is an
/// <see cref="ArgumentOutOfRangeException"/>, and nothing of it is written: a mistake in the caller's sizes, not a state to go on from, which is why there is
/// no <c>Try</c>.
/// </para>
/// <para><b>Threading</b>: a value of its owner's stack; a copy does not see what the other writes.</para>
/// <para><b>Ownership</b>: borrows the memory.</para>
/// <para><b>Cost</b>: never allocates; a string's UTF-8 length is counted first.</para>
/// </remarks>
public ref struct MessagePackWriter
{
    public const int NilSize = 1;
    public const int BooleanSize = 1;
    public const int SingleSize = 5;
    public const int DoubleSize = 9;

    private readonly Span<byte> _memory;

    public MessagePackWriter(Span<byte> memory) => _memory = memory;

    /// <summary>Where the next value goes: bytes written so far.</summary>
    public int Position { get; private set; }

    public static int IntegerSize(long value) => value switch
    {
        >= 0 => IntegerSize((ulong)value),
        >= -32 => 1,
        >= sbyte.MinValue => 2,
        >= short.MinValue => 3,
        >= int.MinValue => 5,
        _ => 9,
    };

    public static int IntegerSize(ulong value) => value switch
    {
        <= MessagePackFormat.PositiveFixIntLast => 1,
        <= byte.MaxValue => 2,
        <= ushort.MaxValue => 3,
        <= uint.MaxValue => 5,
        _ => 9,
    };

    /// <summary>Size of what comes before a string of <paramref name="utf8Bytes"/> bytes.</summary>
    public static int StringHeaderSize(int utf8Bytes) => utf8Bytes <= MessagePackFormat.FixStrLast - MessagePackFormat.FixStr ? 1 : BinaryHeaderSize(utf8Bytes);

    /// <summary>Size of a string with its header.</summary>
    public static int StringSize(ReadOnlySpan<char> text)
    {
        int utf8Bytes = Encoding.UTF8.GetByteCount(text);
        return StringHeaderSize(utf8Bytes) + utf8Bytes;
    }

    /// <summary>Size of what comes before a binary of <paramref name="bytes"/> bytes.</summary>
    public static int BinaryHeaderSize(int bytes) => bytes switch
    {
        <= byte.MaxValue => 2,
        <= ushort.MaxValue => 3,
        _ => 5,
    };

    public static int ArrayHeaderSize(int count) => count switch
    {
        <= MessagePackFormat.FixArrayLast - MessagePackFormat.FixArray => 1,
        <= ushort.MaxValue => 3,
        _ => 5,
    };

    public static int MapHeaderSize(int count) => ArrayHeaderSize(count);

    public void WriteNil() => WriteHead(MessagePackFormat.Nil, 0, NilSize);

    public void WriteBoolean(bool value) => WriteHead(value ? MessagePackFormat.True : MessagePackFormat.False, 0, BooleanSize);

    public void WriteInteger(long value)
    {
        if (value >= 0)
        {
            WriteInteger((ulong)value);
            return;
        }

        int size = IntegerSize(value);
        WriteHead(size == 1 ? (byte)value : Widened(MessagePackFormat.Int8, size), (ulong)value, size);
    }

    public void WriteInteger(ulong value)
    {
        int size = IntegerSize(value);
        WriteHead(size == 1 ? (byte)value : Widened(MessagePackFormat.UInt8, size), value, size);
    }

    public void WriteSingle(float value) => WriteHead(MessagePackFormat.Float32, BitConverter.SingleToUInt32Bits(value), SingleSize);

    public void WriteDouble(double value) => WriteHead(MessagePackFormat.Float64, BitConverter.DoubleToUInt64Bits(value), DoubleSize);

    /// <summary>Writes a string that is UTF-8 already, which is not checked.</summary>
    public void WriteString(scoped ReadOnlySpan<byte> utf8) => utf8.CopyTo(ReserveString(utf8.Length));

    /// <summary>Writes a string; half a surrogate pair becomes U+FFFD.</summary>
    public void WriteString(ReadOnlySpan<char> text) => Encoding.UTF8.GetBytes(text, ReserveString(Encoding.UTF8.GetByteCount(text)));

    public void WriteBinary(ReadOnlySpan<byte> bytes) => bytes.CopyTo(ReserveBinary(bytes.Length));

    /// <summary>Writes the header of a binary whose bytes do not go through this writer.</summary>
    public void WriteBinaryHeader(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        int size = BinaryHeaderSize(bytes);
        WriteHead(Widened(MessagePackFormat.Bin8, size), (ulong)bytes, size);
    }

    /// <summary>Writes the header of a binary and leaves room for its bytes.</summary>
    /// <returns>That room, of which the caller writes every byte: it holds whatever was there.</returns>
    public Span<byte> ReserveBinary(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        int size = BinaryHeaderSize(bytes);
        return WriteHead(Widened(MessagePackFormat.Bin8, size), (ulong)bytes, size, bytes);
    }

    /// <summary>Writes the header of an array, whose values the caller writes next.</summary>
    public void WriteArrayHeader(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        int size = ArrayHeaderSize(count);
        WriteHead(size == 1 ? (byte)(MessagePackFormat.FixArray + count) : Widened16(MessagePackFormat.Array16, size), (ulong)count, size);
    }

    /// <summary>Writes the header of a map, whose keys the caller writes next, each with its value.</summary>
    public void WriteMapHeader(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        int size = MapHeaderSize(count);
        WriteHead(size == 1 ? (byte)(MessagePackFormat.FixMap + count) : Widened16(MessagePackFormat.Map16, size), (ulong)count, size);
    }

    private Span<byte> ReserveString(int utf8Bytes)
    {
        int size = StringHeaderSize(utf8Bytes);
        return WriteHead(
            size == 1 ? (byte)(MessagePackFormat.FixStr + utf8Bytes) : Widened(MessagePackFormat.Str8, size), (ulong)utf8Bytes, size, utf8Bytes);
    }

    /// <summary>Writes the first byte and the low bytes of the number after it.</summary>
    /// <param name="size">Bytes of both.</param>
    /// <param name="room">Bytes to leave free after them.</param>
    private Span<byte> WriteHead(byte format, ulong argument, int size, int room = 0)
    {
        // One check for all, before the first byte is written; in 64 bits, as the two together may overflow 32.
        if ((long)size + room > _memory.Length - Position) ThrowTooSmall();
        Span<byte> to = _memory[Position..];
        to[0] = format;
        switch (size)
        {
            case 2: to[1] = (byte)argument; break;
            case 3: BinaryPrimitives.WriteUInt16BigEndian(to[1..], (ushort)argument); break;
            case 5: BinaryPrimitives.WriteUInt32BigEndian(to[1..], (uint)argument); break;
            case 9: BinaryPrimitives.WriteUInt64BigEndian(to[1..], argument); break;
        }

        Position += size + room;
        return to.Slice(size, room);
    }

    [DoesNotReturn]
    private static void ThrowTooSmall() => throw new ArgumentOutOfRangeException(null, "The value does not fit the memory.");

    /// <summary>The format of a family (8, 16, 32, 64 bits, in that order) whose head has that size.</summary>
    private static byte Widened(byte format8, int size) => (byte)(format8 + size switch { 2 => 0, 3 => 1, 5 => 2, _ => 3 });

    private static byte Widened16(byte format16, int size) => (byte)(format16 + (size == 3 ? 0 : 1));
}
