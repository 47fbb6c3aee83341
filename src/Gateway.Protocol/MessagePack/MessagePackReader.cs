using System.Buffers.Binary;
using System.Text.Unicode;

namespace Gateway.Protocol.MessagePack;

/// <summary>Walks a MessagePack message that lies in one piece, value by value.</summary>
/// <remarks>
/// <para>
/// <b>Behaviour</b>: reads every encoding of the specification, the longer ones of a value included. A read that fails returns false, leaves
/// <see cref="Position"/> at the first byte of the value at fault and says why in <see cref="Failure"/>; another read may then be tried. No input makes it
/// throw. A scalar, string, binary or extension must be there whole, and a container must have a byte left for each value it announces, so what is
/// announced may be believed: <c>new long[count]</c> is at most eight times as long as the message. Messages never cross a segment: they are parsed where they were
/// gathered. To come back to a place later, copy the reader; methods that take it along with spans to fill take it as <c>scoped ref</c>.
/// </para>
/// <para><b>Threading</b>: a value of its owner's stack.</para>
/// <para><b>Ownership</b>: borrows the message. Strings, binaries and extensions are slices of it: they end at <see cref="Position"/> once read.</para>
/// <para><b>Cost</b>: never allocates, never recurses, looks at no byte of a binary. Linear in the bytes it goes over, whatever they are.</para>
/// </remarks>
public ref struct MessagePackReader
{
    /// <summary>How deep arrays and maps may nest in what is skipped: far more than a tensor message has, and 128 bytes of stack.</summary>
    public const int MostSkippedLevels = 32;

    // By first byte: the type in the high four bits, the bytes of the number that follows in the low ones. Measured by MessagePackBenchmarks (Read, Skip):
    // a message takes a quarter to a third less time than by the switches that fill it.
    private static readonly byte[] Formats =
        [.. Enumerable.Range(0, 256).Select(each => (byte)(((int)TypeOf((byte)each) << 4) | ArgumentBytes((byte)each)))];

    private readonly ReadOnlySpan<byte> _message;

    public MessagePackReader(ReadOnlySpan<byte> message) => _message = message;

    /// <summary>Where the next value is read; after a failure, where the value at fault begins.</summary>
    public int Position { get; private set; }

    /// <summary>Why the latest read that failed did; a read that succeeds leaves it alone.</summary>
    public MessagePackFailure Failure { get; private set; }

    public readonly bool IsAtEnd => Position == _message.Length;

    /// <summary>The type of the next value, by its first byte alone.</summary>
    public readonly MessagePackType PeekType() => IsAtEnd ? MessagePackType.None : TypeOf(_message[Position]);

    public bool TryReadNil() => TryReadHead(MessagePackType.Nil, out Head head) && Advance(head.End);

    public bool TryReadBoolean(out bool value)
    {
        bool isRead = TryReadHead(MessagePackType.Boolean, out Head head);
        value = head.Format == MessagePackFormat.True;
        return isRead && Advance(head.End);
    }

    public bool TryReadInt32(out int value)
    {
        bool isRead = TryReadHead(MessagePackType.Integer, out Head head);
        bool fits = head.Signed == (int)head.Signed && !head.IsBeyondInt64;
        value = fits ? (int)head.Signed : 0;
        return isRead && AdvanceIf(fits, head.End);
    }

    public bool TryReadInt64(out long value)
    {
        bool isRead = TryReadHead(MessagePackType.Integer, out Head head);
        bool fits = !head.IsBeyondInt64;
        value = fits ? head.Signed : 0;
        return isRead && AdvanceIf(fits, head.End);
    }

    public bool TryReadUInt64(out ulong value)
    {
        bool isRead = TryReadHead(MessagePackType.Integer, out Head head);
        bool fits = head.Signed >= 0 || head.IsBeyondInt64;
        value = fits ? (ulong)head.Signed : 0;
        return isRead && AdvanceIf(fits, head.End);
    }

    /// <summary>Reads a float of either width, or an integer, rounded to the nearest double.</summary>
    /// <remarks>Integers count as numbers because encoders of languages with one number type write 2.0 as 2.</remarks>
    public bool TryReadDouble(out double value)
    {
        bool isInteger = PeekType() == MessagePackType.Integer;
        bool isRead = TryReadHead(isInteger ? MessagePackType.Integer : MessagePackType.Float, out Head head);
        value = head.Format switch
        {
            _ when !isRead => 0,
            MessagePackFormat.Float32 => BitConverter.UInt32BitsToSingle((uint)head.Argument),
            MessagePackFormat.Float64 => BitConverter.UInt64BitsToDouble(head.Argument),
            MessagePackFormat.UInt64 => head.Argument,
            _ => head.Signed,
        };
        return isRead && Advance(head.End);
    }

    /// <summary>Reads a string, checking that it is UTF-8.</summary>
    public bool TryReadString(out ReadOnlySpan<byte> utf8)
    {
        int start = Position;
        if (!TryReadStringUnchecked(out utf8)) return false;
        if (Utf8.IsValid(utf8)) return true;
        utf8 = default;
        Position = start;
        return Fail(MessagePackFailure.NotUtf8);
    }

    /// <summary>Reads a string that may be no UTF-8: for one that is only compared with known names.</summary>
    public bool TryReadStringUnchecked(out ReadOnlySpan<byte> bytes) => TryReadBytes(MessagePackType.String, out bytes);

    public bool TryReadBinary(out ReadOnlySpan<byte> bytes) => TryReadBytes(MessagePackType.Binary, out bytes);

    /// <summary>Reads the head of an array; its values follow.</summary>
    public bool TryReadArrayHeader(out int count)
    {
        bool isRead = TryReadHead(MessagePackType.Array, out Head head);
        count = (int)head.Argument;
        return isRead && Advance(head.End);
    }

    /// <summary>Reads the head of a map.</summary>
    /// <param name="count">Its entries: as many keys follow, each with its value. Nothing says that they differ.</param>
    public bool TryReadMapHeader(out int count)
    {
        bool isRead = TryReadHead(MessagePackType.Map, out Head head);
        count = (int)head.Argument;
        return isRead && Advance(head.End);
    }

    public bool TryReadExtension(out sbyte type, out ReadOnlySpan<byte> data)
    {
        type = 0;
        if (!TryReadBytes(MessagePackType.Extension, out data)) return false;
        type = (sbyte)data[0];
        data = data[1..];
        return true;
    }

    /// <summary>Goes past the next value, whatever it is, with all that it contains.</summary>
    /// <remarks>
    /// Checks that it is whole and of known formats, not that strings are UTF-8. When it fails, <see cref="Position"/> is at the value at fault, which may
    /// lie inside: in a map or an array that it entered.
    /// </remarks>
    public bool TrySkip()
    {
        // Values still to come in each container that is open.
        Span<int> pending = stackalloc int[MostSkippedLevels];
        int depth = 0;
        do
        {
            if (!TryReadHead(MessagePackType.None, out Head head)) return false;
            if (head.Type is MessagePackType.Array or MessagePackType.Map)
            {
                if (depth == MostSkippedLevels) return Fail(MessagePackFailure.TooDeep);
                Advance(head.End);
                if (head.Announced > 0)
                {
                    pending[depth++] = head.Announced;
                    continue;
                }
            }
            else
            {
                Advance(head.End + head.Announced);
            }

            while (depth > 0 && --pending[depth - 1] == 0) depth--;
        }
        while (depth > 0);
        return true;
    }

    private bool TryReadBytes(MessagePackType wanted, out ReadOnlySpan<byte> bytes)
    {
        bool isRead = TryReadHead(wanted, out Head head);
        bytes = isRead ? _message.Slice(head.End, head.Announced) : default;
        return isRead && Advance(head.End + head.Announced);
    }

    /// <summary>Reads the first byte of a value and the number after it, and checks that what they announce can be there; goes nowhere.</summary>
    /// <param name="wanted">The type it must have; <see cref="MessagePackType.None"/> for any.</param>
    private bool TryReadHead(MessagePackType wanted, out Head head)
    {
        head = default;
        if (IsAtEnd) return Fail(MessagePackFailure.Truncated);
        byte format = _message[Position];
        int known = Formats[format];
        MessagePackType type = (MessagePackType)(known >> 4);
        if (type == MessagePackType.Invalid) return Fail(MessagePackFailure.Invalid);
        if (wanted != type && wanted != MessagePackType.None) return Fail(MessagePackFailure.WrongType);

        ReadOnlySpan<byte> rest = _message[(Position + 1)..];
        int argumentBytes = known & 0xf;
        if (argumentBytes > rest.Length) return Fail(MessagePackFailure.Truncated);
        ulong argument = argumentBytes switch
        {
            0 => ArgumentWithin(format),
            1 => rest[0],
            2 => BinaryPrimitives.ReadUInt16BigEndian(rest),
            4 => BinaryPrimitives.ReadUInt32BigEndian(rest),
            _ => BinaryPrimitives.ReadUInt64BigEndian(rest),
        };

        // A length or count has 32 bits at most, so none of these overflows.
        ulong announced = type switch
        {
            MessagePackType.String or MessagePackType.Binary or MessagePackType.Array => argument,
            MessagePackType.Map => 2 * argument,
            MessagePackType.Extension => 1 + argument,
            _ => 0,
        };
        if (announced > (ulong)(rest.Length - argumentBytes)) return Fail(MessagePackFailure.Truncated);
        head = new Head { Type = type, Format = format, Argument = argument, Announced = (int)announced, End = Position + 1 + argumentBytes };
        return true;
    }

    private bool Advance(int position)
    {
        Position = position;
        return true;
    }

    private bool AdvanceIf(bool fits, int position) => fits ? Advance(position) : Fail(MessagePackFailure.OutOfRange);

    private bool Fail(MessagePackFailure failure)
    {
        Failure = failure;
        return false;
    }

    private static MessagePackType TypeOf(byte format) => format switch
    {
        <= MessagePackFormat.PositiveFixIntLast => MessagePackType.Integer,
        <= MessagePackFormat.FixMapLast => MessagePackType.Map,
        <= MessagePackFormat.FixArrayLast => MessagePackType.Array,
        <= MessagePackFormat.FixStrLast => MessagePackType.String,
        MessagePackFormat.Nil => MessagePackType.Nil,
        MessagePackFormat.NeverUsed => MessagePackType.Invalid,
        <= MessagePackFormat.True => MessagePackType.Boolean,
        <= MessagePackFormat.Bin32 => MessagePackType.Binary,
        <= MessagePackFormat.Ext32 => MessagePackType.Extension,
        <= MessagePackFormat.Float64 => MessagePackType.Float,
        <= MessagePackFormat.Int64 => MessagePackType.Integer,
        <= MessagePackFormat.FixExt16 => MessagePackType.Extension,
        <= MessagePackFormat.Str32 => MessagePackType.String,
        <= MessagePackFormat.Array32 => MessagePackType.Array,
        <= MessagePackFormat.Map32 => MessagePackType.Map,
        _ => MessagePackType.Integer,
    };

    /// <summary>Bytes of the number after the first byte: a value, a length or a count.</summary>
    private static int ArgumentBytes(byte format) => format switch
    {
        MessagePackFormat.Bin8 or MessagePackFormat.Ext8 or MessagePackFormat.UInt8 or MessagePackFormat.Int8 or MessagePackFormat.Str8 => 1,
        MessagePackFormat.Bin16 or MessagePackFormat.Ext16 or MessagePackFormat.UInt16 or MessagePackFormat.Int16 or MessagePackFormat.Str16 => 2,
        MessagePackFormat.Array16 or MessagePackFormat.Map16 => 2,
        MessagePackFormat.Bin32 or MessagePackFormat.Ext32 or MessagePackFormat.UInt32 or MessagePackFormat.Int32 or MessagePackFormat.Str32 => 4,
        MessagePackFormat.Array32 or MessagePackFormat.Map32 or MessagePackFormat.Float32 => 4,
        MessagePackFormat.UInt64 or MessagePackFormat.Int64 or MessagePackFormat.Float64 => 8,
        _ => 0,
    };

    /// <summary>The number that a first byte holds itself.</summary>
    private static byte ArgumentWithin(byte format) => format switch
    {
        <= MessagePackFormat.PositiveFixIntLast => format,
        <= MessagePackFormat.FixArrayLast => (byte)(format & 0x0f),
        <= MessagePackFormat.FixStrLast => (byte)(format & 0x1f),
        >= MessagePackFormat.FixExt1 and <= MessagePackFormat.FixExt16 => (byte)(1 << (format - MessagePackFormat.FixExt1)),
        _ => format,
    };

    /// <summary>A value up to where its bytes or its values begin.</summary>
    private readonly struct Head
    {
        public required MessagePackType Type { get; init; }

        public required byte Format { get; init; }

        /// <summary>The value, length or count, as unsigned.</summary>
        public required ulong Argument { get; init; }

        /// <summary>Bytes that follow (an extension's type is one of them), or values.</summary>
        public required int Announced { get; init; }

        /// <summary>Position after the head.</summary>
        public required int End { get; init; }

        /// <summary>The integer; its two's complement if it <see cref="IsBeyondInt64"/>.</summary>
        public long Signed => Format switch
        {
            MessagePackFormat.Int8 or >= MessagePackFormat.NegativeFixInt => (sbyte)Argument,
            MessagePackFormat.Int16 => (short)Argument,
            MessagePackFormat.Int32 => (int)Argument,
            _ => (long)Argument,
        };

        public bool IsBeyondInt64 => Format == MessagePackFormat.UInt64 && (long)Argument < 0;
    }
}
