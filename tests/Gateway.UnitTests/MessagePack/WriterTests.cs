using System.Globalization;
using System.Text;
using Gateway.Protocol.MessagePack;

namespace Gateway.UnitTests.MessagePack;

/// <summary>Encodings at each of their limits: the shortest one, as long as the size functions say.</summary>
public sealed class WriterTests
{
    public static TheoryData<string, string> Integers => new()
    {
        { "0", "00" },
        { "127", "7f" },
        { "128", "cc80" },
        { "255", "ccff" },
        { "256", "cd0100" },
        { "65535", "cdffff" },
        { "65536", "ce00010000" },
        { "4294967295", "ceffffffff" },
        { "4294967296", "cf0000000100000000" },
        { "9223372036854775807", "cf7fffffffffffffff" },
        { "9223372036854775808", "cf8000000000000000" },
        { "18446744073709551615", "cfffffffffffffffff" },
        { "-1", "ff" },
        { "-32", "e0" },
        { "-33", "d0df" },
        { "-128", "d080" },
        { "-129", "d1ff7f" },
        { "-32768", "d18000" },
        { "-32769", "d2ffff7fff" },
        { "-2147483648", "d280000000" },
        { "-2147483649", "d3ffffffff7fffffff" },
        { "-9223372036854775808", "d38000000000000000" },
    };

    [Theory]
    [MemberData(nameof(Integers))]
    public void WriteInteger_AtALimit_IsShortest(string number, string expected)
    {
        Int128 value = Int128.Parse(number, CultureInfo.InvariantCulture);
        if (value <= long.MaxValue)
        {
            Assert.Equal(expected, Written((ref writer) => writer.WriteInteger((long)value)));
            Assert.Equal(expected.Length / 2, MessagePackWriter.IntegerSize((long)value));
        }

        if (value >= 0)
        {
            Assert.Equal(expected, Written((ref writer) => writer.WriteInteger((ulong)value)));
            Assert.Equal(expected.Length / 2, MessagePackWriter.IntegerSize((ulong)value));
        }
    }

    [Theory]
    [InlineData(0, "a0")]
    [InlineData(1, "a1")]
    [InlineData(31, "bf")]
    [InlineData(32, "d920")]
    [InlineData(255, "d9ff")]
    [InlineData(256, "da0100")]
    [InlineData(65535, "daffff")]
    [InlineData(65536, "db00010000")]
    public void WriteString_AtALimit_IsShortest(int length, string header)
    {
        string text = new('x', length);
        string expected = header + Convert.ToHexStringLower(Encoding.UTF8.GetBytes(text));

        Assert.Equal(expected, Written((ref writer) => writer.WriteString(text)));
        Assert.Equal(expected, Written((ref writer) => writer.WriteString(Encoding.UTF8.GetBytes(text))));
        Assert.Equal(expected.Length / 2, MessagePackWriter.StringSize(text));
        Assert.Equal(header.Length / 2, MessagePackWriter.StringHeaderSize(length));
    }

    [Theory]
    [InlineData(0, "c400")]
    [InlineData(255, "c4ff")]
    [InlineData(256, "c50100")]
    [InlineData(65535, "c5ffff")]
    [InlineData(65536, "c600010000")]
    public void WriteBinary_AtALimit_IsShortest(int length, string header)
    {
        byte[] bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        string expected = header + Convert.ToHexStringLower(bytes);

        Assert.Equal(expected, Written((ref writer) => writer.WriteBinary(bytes)));
        Assert.Equal(expected, Written((ref writer) => bytes.CopyTo(writer.ReserveBinary(length))));
        Assert.Equal(header, Written((ref writer) => writer.WriteBinaryHeader(length)));
        Assert.Equal(header.Length / 2, MessagePackWriter.BinaryHeaderSize(length));
    }

    [Theory]
    [InlineData(0, "90", "80")]
    [InlineData(15, "9f", "8f")]
    [InlineData(16, "dc0010", "de0010")]
    [InlineData(65535, "dcffff", "deffff")]
    [InlineData(65536, "dd00010000", "df00010000")]
    [InlineData(int.MaxValue, "dd7fffffff", "df7fffffff")]
    public void WriteHeader_AtALimit_IsShortest(int count, string array, string map)
    {
        Assert.Equal(array, Written((ref writer) => writer.WriteArrayHeader(count)));
        Assert.Equal(map, Written((ref writer) => writer.WriteMapHeader(count)));
        Assert.Equal(array.Length / 2, MessagePackWriter.ArrayHeaderSize(count));
        Assert.Equal(map.Length / 2, MessagePackWriter.MapHeaderSize(count));
    }

    [Fact]
    public void Write_Rest_IsThatOfTheSpecification()
    {
        Assert.Equal("c0", Written((ref writer) => writer.WriteNil()));
        Assert.Equal("c2", Written((ref writer) => writer.WriteBoolean(false)));
        Assert.Equal("c3", Written((ref writer) => writer.WriteBoolean(true)));
        Assert.Equal("ca3fc00000", Written((ref writer) => writer.WriteSingle(1.5f)));
        Assert.Equal("cabf800000", Written((ref writer) => writer.WriteSingle(-1)));
        Assert.Equal("cb3ff8000000000000", Written((ref writer) => writer.WriteDouble(1.5)));
        Assert.Equal("cb8000000000000000", Written((ref writer) => writer.WriteDouble(-0.0)));
        Assert.Equal("a6c3a9e282ac7a", Written((ref writer) => writer.WriteString("é€z")));
    }

    [Fact]
    public void WriteString_HalfASurrogatePair_IsReplaced()
    {
        string half = "😀"[..1];

        Assert.Equal("a3efbfbd", Written((ref writer) => writer.WriteString(half)));
        Assert.Equal(4, MessagePackWriter.StringSize(half));
    }

    [Fact]
    public void Write_OneByteTooFew_ThrowsAndWritesNothing()
    {
        (int Size, Write Write)[] writes =
        [
            (1, (ref writer) => writer.WriteNil()),
            (1, (ref writer) => writer.WriteBoolean(true)),
            (2, (ref writer) => writer.WriteInteger(200)),
            (9, (ref writer) => writer.WriteInteger(long.MinValue)),
            (5, (ref writer) => writer.WriteSingle(1)),
            (9, (ref writer) => writer.WriteDouble(1)),
            (4, (ref writer) => writer.WriteString("abc")),
            (4, (ref writer) => writer.WriteString("abc"u8)),
            (5, (ref writer) => writer.WriteBinary([1, 2, 3])),
            (2, (ref writer) => writer.WriteBinaryHeader(3)),
            (3, (ref writer) => writer.WriteArrayHeader(16)),
            (3, (ref writer) => writer.WriteMapHeader(16)),
        ];
        foreach ((int size, Write write) in writes)
        {
            byte[] memory = new byte[size + 1];

            Assert.Throws<ArgumentOutOfRangeException>(() =>
            {
                MessagePackWriter writer = new(memory.AsSpan(1, size - 1));
                write(ref writer);
            });
            MessagePackWriter exact = new(memory.AsSpan(1));
            Assert.All(memory, each => Assert.Equal(0, each));
            write(ref exact);
            Assert.Equal(size, exact.Position);
        }
    }

    [Fact]
    public void Write_LengthsThatCannotBe_Throw()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Written((ref writer) => writer.WriteBinaryHeader(-1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Written((ref writer) => writer.ReserveBinary(-1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Written((ref writer) => writer.WriteArrayHeader(-1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Written((ref writer) => writer.WriteMapHeader(-1)));
    }

    [Fact]
    public void ReserveBinary_SizeBeyond32Bits_ThrowsAndWritesNothing()
    {
        byte[] memory = new byte[100];

        Assert.Throws<ArgumentOutOfRangeException>(() => new MessagePackWriter(memory).ReserveBinary(int.MaxValue));
        Assert.All(memory, each => Assert.Equal(0, each));
    }

    private static string Written(Write write)
    {
        byte[] memory = new byte[70_000];
        MessagePackWriter writer = new(memory);
        write(ref writer);
        return Convert.ToHexStringLower(memory.AsSpan(0, writer.Position));
    }

    private delegate void Write(ref MessagePackWriter writer);
}
