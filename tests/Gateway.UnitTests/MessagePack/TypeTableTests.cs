using Gateway.Protocol.MessagePack;

namespace Gateway.UnitTests.MessagePack;

/// <summary>The specification's table of formats, every first byte of it, beside what the reader makes of them.</summary>
public sealed class TypeTableTests
{
    // What a value announces where its head has room for any number.
    private const int Announced = 3;

    // LengthBytes: of the announced length or count, FixedBytes: of what always follows, PerItem: bytes for each one announced.
    private static readonly Format[] Table =
    [
        new("positive fixint", 0x00, 0x7f, MessagePackType.Integer),
        new("fixmap", 0x80, 0x8f, MessagePackType.Map, PerItem: 2),
        new("fixarray", 0x90, 0x9f, MessagePackType.Array, PerItem: 1),
        new("fixstr", 0xa0, 0xbf, MessagePackType.String, PerItem: 1),
        new("nil", 0xc0, 0xc0, MessagePackType.Nil),
        new("(never used)", 0xc1, 0xc1, MessagePackType.Invalid),
        new("false", 0xc2, 0xc2, MessagePackType.Boolean),
        new("true", 0xc3, 0xc3, MessagePackType.Boolean),
        new("bin 8", 0xc4, 0xc4, MessagePackType.Binary, LengthBytes: 1, PerItem: 1),
        new("bin 16", 0xc5, 0xc5, MessagePackType.Binary, LengthBytes: 2, PerItem: 1),
        new("bin 32", 0xc6, 0xc6, MessagePackType.Binary, LengthBytes: 4, PerItem: 1),
        new("ext 8", 0xc7, 0xc7, MessagePackType.Extension, LengthBytes: 1, FixedBytes: 1, PerItem: 1),
        new("ext 16", 0xc8, 0xc8, MessagePackType.Extension, LengthBytes: 2, FixedBytes: 1, PerItem: 1),
        new("ext 32", 0xc9, 0xc9, MessagePackType.Extension, LengthBytes: 4, FixedBytes: 1, PerItem: 1),
        new("float 32", 0xca, 0xca, MessagePackType.Float, FixedBytes: 4),
        new("float 64", 0xcb, 0xcb, MessagePackType.Float, FixedBytes: 8),
        new("uint 8", 0xcc, 0xcc, MessagePackType.Integer, FixedBytes: 1),
        new("uint 16", 0xcd, 0xcd, MessagePackType.Integer, FixedBytes: 2),
        new("uint 32", 0xce, 0xce, MessagePackType.Integer, FixedBytes: 4),
        new("uint 64", 0xcf, 0xcf, MessagePackType.Integer, FixedBytes: 8),
        new("int 8", 0xd0, 0xd0, MessagePackType.Integer, FixedBytes: 1),
        new("int 16", 0xd1, 0xd1, MessagePackType.Integer, FixedBytes: 2),
        new("int 32", 0xd2, 0xd2, MessagePackType.Integer, FixedBytes: 4),
        new("int 64", 0xd3, 0xd3, MessagePackType.Integer, FixedBytes: 8),
        new("fixext 1", 0xd4, 0xd4, MessagePackType.Extension, FixedBytes: 1 + 1),
        new("fixext 2", 0xd5, 0xd5, MessagePackType.Extension, FixedBytes: 1 + 2),
        new("fixext 4", 0xd6, 0xd6, MessagePackType.Extension, FixedBytes: 1 + 4),
        new("fixext 8", 0xd7, 0xd7, MessagePackType.Extension, FixedBytes: 1 + 8),
        new("fixext 16", 0xd8, 0xd8, MessagePackType.Extension, FixedBytes: 1 + 16),
        new("str 8", 0xd9, 0xd9, MessagePackType.String, LengthBytes: 1, PerItem: 1),
        new("str 16", 0xda, 0xda, MessagePackType.String, LengthBytes: 2, PerItem: 1),
        new("str 32", 0xdb, 0xdb, MessagePackType.String, LengthBytes: 4, PerItem: 1),
        new("array 16", 0xdc, 0xdc, MessagePackType.Array, LengthBytes: 2, PerItem: 1),
        new("array 32", 0xdd, 0xdd, MessagePackType.Array, LengthBytes: 4, PerItem: 1),
        new("map 16", 0xde, 0xde, MessagePackType.Map, LengthBytes: 2, PerItem: 2),
        new("map 32", 0xdf, 0xdf, MessagePackType.Map, LengthBytes: 4, PerItem: 2),
        new("negative fixint", 0xe0, 0xff, MessagePackType.Integer),
    ];

    public static TheoryData<int> AllBytes => [.. Enumerable.Range(0, 256)];

    [Fact]
    public void Table_HasEveryByteOnce() =>
        Assert.Equal(Enumerable.Range(0, 256), Table.SelectMany(format => Enumerable.Range(format.First, format.Last - format.First + 1)));

    [Theory]
    [MemberData(nameof(AllBytes))]
    public void PeekType_EveryByte_IsThatOfTheTable(int first)
    {
        MessagePackReader reader = new([(byte)first]);

        Assert.Equal(FormatOf(first).Type, reader.PeekType());
        Assert.Equal(0, reader.Position);
    }

    [Theory]
    [MemberData(nameof(AllBytes))]
    public void TrySkip_EveryByte_TakesTheBytesOfTheTable(int first)
    {
        byte[] value = Value(first);
        MessagePackReader reader = new([.. value, 0x00]);

        bool isSkipped = reader.TrySkip();

        Assert.Equal(FormatOf(first).Type != MessagePackType.Invalid, isSkipped);
        Assert.Equal(isSkipped ? value.Length : 0, reader.Position);
        Assert.Equal(isSkipped ? MessagePackFailure.None : MessagePackFailure.Invalid, reader.Failure);
    }

    [Theory]
    [MemberData(nameof(AllBytes))]
    public void Reads_EveryByte_TakeTheirTypeAlone(int first)
    {
        byte[] value = Value(first);
        MessagePackType type = FormatOf(first).Type;
        foreach ((MessagePackType[] accepted, Read read) in Reads)
        {
            MessagePackReader reader = new(value);

            bool isRead = read(ref reader);

            Assert.Equal(accepted.Contains(type), isRead);
            if (isRead) continue;
            Assert.Equal(type == MessagePackType.Invalid ? MessagePackFailure.Invalid : MessagePackFailure.WrongType, reader.Failure);
            Assert.Equal(0, reader.Position);
        }
    }

    [Theory]
    [MemberData(nameof(AllBytes))]
    public void Reads_CutShortAnywhere_AreTruncated(int first)
    {
        byte[] value = Value(first);
        MessagePackType type = FormatOf(first).Type;
        if (type == MessagePackType.Invalid) return;
        for (int length = 0; length < value.Length; length++)
        {
            foreach ((MessagePackType[] accepted, Read read) in Reads.Append(([type], (ref reader) => reader.TrySkip())))
            {
                if (!accepted.Contains(type)) continue;
                MessagePackReader reader = new(value.AsSpan(0, length));

                bool isRead = read(ref reader);

                Assert.False(isRead, $"{length} of {value.Length} bytes");
                Assert.Equal(MessagePackFailure.Truncated, reader.Failure);
                Assert.Equal(0, reader.Position);
            }
        }
    }

    private static readonly (MessagePackType[] Accepted, Read Read)[] Reads =
    [
        ([MessagePackType.Nil], (ref reader) => reader.TryReadNil()),
        ([MessagePackType.Boolean], (ref reader) => reader.TryReadBoolean(out _)),
        ([MessagePackType.Integer], (ref reader) => reader.TryReadInt32(out _)),
        ([MessagePackType.Integer], (ref reader) => reader.TryReadInt64(out _)),
        ([MessagePackType.Integer, MessagePackType.Float], (ref reader) => reader.TryReadDouble(out _)),
        ([MessagePackType.String], (ref reader) => reader.TryReadString(out _)),
        ([MessagePackType.String], (ref reader) => reader.TryReadStringUnchecked(out _)),
        ([MessagePackType.Binary], (ref reader) => reader.TryReadBinary(out _)),
        ([MessagePackType.Array], (ref reader) => reader.TryReadArrayHeader(out _)),
        ([MessagePackType.Map], (ref reader) => reader.TryReadMapHeader(out _)),
        ([MessagePackType.Extension], (ref reader) => reader.TryReadExtension(out _, out _)),
    ];

    private static Format FormatOf(int first) => Table.Single(format => format.First <= first && first <= format.Last);

    /// <summary>A value that begins with that byte; all that it contains are zeros, which are whole values and characters themselves.</summary>
    private static byte[] Value(int first)
    {
        Format format = FormatOf(first);
        int items = format.LengthBytes > 0 ? Announced : first - format.First;
        byte[] value = new byte[1 + format.LengthBytes + format.FixedBytes + (items * format.PerItem)];
        value[0] = (byte)first;
        if (format.LengthBytes > 0) value[format.LengthBytes] = Announced;
        return value;
    }

    private delegate bool Read(ref MessagePackReader reader);

    private sealed record Format(string Name, int First, int Last, MessagePackType Type, int LengthBytes = 0, int FixedBytes = 0, int PerItem = 0);
}
