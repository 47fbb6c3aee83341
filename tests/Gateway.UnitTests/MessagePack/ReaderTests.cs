using System.Globalization;
using System.Text;
using Gateway.Protocol.MessagePack;

namespace Gateway.UnitTests.MessagePack;

/// <summary>Values as the reader gives them, and what it refuses.</summary>
public sealed class ReaderTests
{
    [Theory]
    [MemberData(nameof(WriterTests.Integers), MemberType = typeof(WriterTests))]
    [InlineData("1", "cc01")]
    [InlineData("1", "cd0001")]
    [InlineData("1", "ce00000001")]
    [InlineData("1", "cf0000000000000001")]
    [InlineData("1", "d001")]
    [InlineData("1", "d10001")]
    [InlineData("1", "d200000001")]
    [InlineData("1", "d30000000000000001")]
    [InlineData("-1", "d0ff")]
    [InlineData("-1", "d1ffff")]
    [InlineData("-1", "d2ffffffff")]
    [InlineData("-1", "d3ffffffffffffffff")]
    [InlineData("2147483647", "d27fffffff")]
    [InlineData("2147483648", "d30000000080000000")]
    public void TryReadInteger_AnyEncoding_IsReadIfItFits(string number, string message)
    {
        Int128 value = Int128.Parse(number, CultureInfo.InvariantCulture);

        AssertRead(message, int.MinValue, int.MaxValue, value, (ref reader, out read) => (reader.TryReadInt32(out int each), read = each).Item1);
        AssertRead(message, long.MinValue, long.MaxValue, value, (ref reader, out read) => (reader.TryReadInt64(out long each), read = each).Item1);
        AssertRead(message, 0, ulong.MaxValue, value, (ref reader, out read) => (reader.TryReadUInt64(out ulong each), read = each).Item1);
    }

    [Theory]
    [InlineData("ca3fc00000", 1.5)]
    [InlineData("ca7f7fffff", float.MaxValue)]
    [InlineData("cb3ff8000000000000", 1.5)]
    [InlineData("cb8000000000000000", -0.0)]
    [InlineData("caff800000", double.NegativeInfinity)]
    [InlineData("caffc00000", double.NaN)]
    [InlineData("07", 7)]
    [InlineData("ff", -1)]
    [InlineData("d18000", short.MinValue)]
    [InlineData("d38000000000000000", (double)long.MinValue)]
    [InlineData("cfffffffffffffffff", (double)ulong.MaxValue)]
    public void TryReadDouble_AnyNumber_IsRead(string message, double expected)
    {
        MessagePackReader reader = new(Convert.FromHexString(message));

        Assert.True(reader.TryReadDouble(out double value));
        Assert.Equal(BitConverter.DoubleToInt64Bits(expected), BitConverter.DoubleToInt64Bits(value));
        Assert.True(reader.IsAtEnd);
    }

    [Fact]
    public void TryReadDouble_NoNumber_IsOfTheWrongType()
    {
        MessagePackReader reader = new([0xa0]);

        Assert.False(reader.TryReadDouble(out double value));
        Assert.Equal(0, value);
        Assert.Equal(MessagePackFailure.WrongType, reader.Failure);
    }

    [Theory]
    [InlineData("a3616263")]
    [InlineData("d903616263")]
    [InlineData("da0003616263")]
    [InlineData("db00000003616263")]
    public void TryReadString_AnyEncoding_IsASliceOfTheMessage(string message)
    {
        byte[] bytes = Convert.FromHexString(message);
        MessagePackReader reader = new(bytes);

        Assert.True(reader.TryReadString(out ReadOnlySpan<byte> utf8));
        Assert.Equal("abc", Encoding.UTF8.GetString(utf8));
        Assert.True(bytes.AsSpan(reader.Position - utf8.Length).Overlaps(utf8, out int offset));
        Assert.Equal(0, offset);
    }

    [Fact]
    public void TryReadString_NotUtf8_FailsUnlessUnchecked()
    {
        MessagePackReader reader = new([0x01, 0xa2, 0xc3, 0x28]);
        reader.TrySkip();

        Assert.False(reader.TryReadString(out ReadOnlySpan<byte> utf8));
        Assert.True(utf8.IsEmpty);
        Assert.Equal(MessagePackFailure.NotUtf8, reader.Failure);
        Assert.Equal(1, reader.Position);
        Assert.True(reader.TryReadStringUnchecked(out utf8));
        Assert.Equal(2, utf8.Length);
    }

    [Theory]
    [InlineData("c403010203")]
    [InlineData("c50003010203")]
    [InlineData("c600000003010203")]
    public void TryReadBinary_AnyEncoding_IsASliceOfTheMessage(string message)
    {
        byte[] bytes = Convert.FromHexString(message);
        MessagePackReader reader = new(bytes);

        Assert.True(reader.TryReadBinary(out ReadOnlySpan<byte> binary));
        Assert.Equal([1, 2, 3], binary.ToArray());
        Assert.True(bytes.AsSpan(bytes.Length - 3).Overlaps(binary, out int offset));
        Assert.Equal(0, offset);
        Assert.True(reader.IsAtEnd);
    }

    [Theory]
    [InlineData(0xd4, "", 1)]
    [InlineData(0xd5, "", 2)]
    [InlineData(0xd6, "", 4)]
    [InlineData(0xd7, "", 8)]
    [InlineData(0xd8, "", 16)]
    [InlineData(0xc7, "00", 0)]
    [InlineData(0xc7, "01", 1)]
    [InlineData(0xc7, "0c", 12)]
    [InlineData(0xc7, "ff", 255)]
    [InlineData(0xc8, "0000", 0)]
    [InlineData(0xc8, "0100", 256)]
    [InlineData(0xc8, "ffff", 65535)]
    [InlineData(0xc9, "00000000", 0)]
    [InlineData(0xc9, "00010000", 65536)]
    public void TryReadExtension_AnyEncoding_IsRead(int format, string length, int expected)
    {
        // The type of timestamps is an extension's like others.
        byte[] data = new byte[expected];
        new Random(expected).NextBytes(data);
        byte[] message = [(byte)format, .. Convert.FromHexString(length), 0xff, .. data];
        MessagePackReader reader = new(message);
        MessagePackReader cut = new(message.AsSpan(0, message.Length - 1));

        Assert.True(reader.TryReadExtension(out sbyte type, out ReadOnlySpan<byte> read));
        Assert.Equal(-1, type);
        Assert.Equal(data, read);
        Assert.True(reader.IsAtEnd);
        Assert.False(cut.TryReadExtension(out _, out _));
        Assert.Equal(MessagePackFailure.Truncated, cut.Failure);
    }

    [Theory]
    [InlineData("90", "80", 0)]
    [InlineData("9f", "8f", 15)]
    [InlineData("dc0001", "de0001", 1)]
    [InlineData("dc0010", "de0010", 16)]
    [InlineData("dcffff", "deffff", 65535)]
    [InlineData("dd00000001", "df00000001", 1)]
    [InlineData("dd00010000", "df00010000", 65536)]
    public void TryReadHeader_AnyEncoding_NeedsAByteForEachValue(string array, string map, int expected)
    {
        byte[] arrayMessage = [.. Convert.FromHexString(array), .. new byte[expected]];
        byte[] mapMessage = [.. Convert.FromHexString(map), .. new byte[2 * expected]];
        MessagePackReader arrays = new(arrayMessage);
        MessagePackReader maps = new(mapMessage);
        MessagePackReader cutArrays = new(arrayMessage.AsSpan(..^1));
        MessagePackReader cutMaps = new(mapMessage.AsSpan(..^1));

        Assert.True(arrays.TryReadArrayHeader(out int items));
        Assert.Equal(expected, items);
        Assert.Equal(array.Length / 2, arrays.Position);
        Assert.True(maps.TryReadMapHeader(out int entries));
        Assert.Equal(expected, entries);
        Assert.Equal(map.Length / 2, maps.Position);
        Assert.False(cutArrays.TryReadArrayHeader(out _));
        Assert.False(cutMaps.TryReadMapHeader(out _));
        Assert.Equal(MessagePackFailure.Truncated, cutArrays.Failure);
        Assert.Equal(MessagePackFailure.Truncated, cutMaps.Failure);
    }

    [Theory]
    [InlineData("ddffffffff00")]
    [InlineData("dfffffffff0000")]
    [InlineData("df80000000")] // Twice that is 2^32.
    [InlineData("dbffffffff00")]
    [InlineData("c6ffffffff00")]
    [InlineData("c9ffffffff0000")] // One more is 2^32.
    [InlineData("dd7fffffff00")]
    public void TrySkip_HugeAnnouncement_IsRefusedAtOnce(string message)
    {
        MessagePackReader reader = new(Convert.FromHexString(message));
        MessagePackReader inside = new(Convert.FromHexString("9200" + message));

        Assert.False(reader.TrySkip());
        Assert.Equal(MessagePackFailure.Truncated, reader.Failure);
        Assert.Equal(0, reader.Position);
        Assert.False(inside.TrySkip());
        Assert.Equal(2, inside.Position);
    }

    [Theory]
    [InlineData("91")]
    [InlineData("8100")]
    [InlineData("dd00000001")]
    public void TrySkip_Nesting_EndsAtTheLimit(string level)
    {
        byte[] opening = Convert.FromHexString(level);
        byte[] deepest = [.. Enumerable.Repeat(opening, MessagePackReader.MostSkippedLevels).SelectMany(each => each), 0xc0];
        byte[] tooDeep = [.. opening, .. deepest];
        byte[] emptyTooDeep = [.. deepest.AsSpan(..^1), 0x90];
        byte[] hostile = [.. Enumerable.Repeat(opening, 1_000_000).SelectMany(each => each), 0xc0];

        MessagePackReader reader = new(deepest);
        Assert.True(reader.TrySkip());
        Assert.True(reader.IsAtEnd);
        foreach (byte[] message in (byte[][])[tooDeep, emptyTooDeep, hostile])
        {
            reader = new MessagePackReader(message);
            Assert.False(reader.TrySkip());
            Assert.Equal(MessagePackFailure.TooDeep, reader.Failure);
            Assert.Equal(opening.Length * MessagePackReader.MostSkippedLevels, reader.Position);
        }
    }

    [Fact]
    public void TrySkip_ContainersSideBySide_ReturnsFromEachLevel()
    {
        // [[], [1, {2: [3]}], {}, [[4], 5], "x"], 6
        MessagePackReader reader = new(Convert.FromHexString("95909201810291038092910405a17806"));

        Assert.True(reader.TrySkip());
        Assert.Equal(15, reader.Position);
        Assert.True(reader.TryReadInt32(out int next));
        Assert.Equal(6, next);
    }

    [Fact]
    public void TrySkip_FaultInside_IsAtThatValue()
    {
        MessagePackReader reader = new([0x92, 0x01, 0x92, 0x02, 0xc1]);

        Assert.False(reader.TrySkip());
        Assert.Equal(MessagePackFailure.Invalid, reader.Failure);
        Assert.Equal(4, reader.Position);
    }

    [Fact]
    public void Read_AtTheEnd_IsTruncated()
    {
        MessagePackReader reader = new([0x00]);
        reader.TrySkip();

        Assert.Equal(MessagePackType.None, reader.PeekType());
        Assert.False(reader.TryReadNil());
        Assert.Equal(MessagePackFailure.Truncated, reader.Failure);
        Assert.Equal(1, reader.Position);
    }

    private static void AssertRead(string message, Int128 least, Int128 most, Int128 value, ReadInteger read)
    {
        MessagePackReader reader = new(Convert.FromHexString(message));

        bool isRead = read(ref reader, out Int128 actual);

        bool fits = value >= least && value <= most;
        Assert.Equal(fits, isRead);
        Assert.Equal(fits ? value : 0, actual);
        Assert.Equal(fits ? message.Length / 2 : 0, reader.Position);
        Assert.Equal(fits ? MessagePackFailure.None : MessagePackFailure.OutOfRange, reader.Failure);
    }

    private delegate bool ReadInteger(ref MessagePackReader reader, out Int128 value);
}
