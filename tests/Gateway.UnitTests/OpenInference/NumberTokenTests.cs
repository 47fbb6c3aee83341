using System.Globalization;
using System.Text;
using Gateway.Server.OpenInference;

namespace Gateway.UnitTests.OpenInference;

/// <summary>Numbers, bit by bit against the framework's own reader.</summary>
public sealed class NumberTokenTests
{
    private const int Samples = 200_000;

    [Theory]
    [InlineData("0")]
    [InlineData("-0")]
    [InlineData("0.0e5")]
    [InlineData("16777217")]
    [InlineData("16777217.0000000000000000000000001")]
    [InlineData("33554433.5")]
    [InlineData("9007199254740993")]
    [InlineData("9007199254740993.00000000000000000000000000000000000001")]
    [InlineData("18446744073709551615")]
    [InlineData("18446744073709551616")]
    [InlineData("1.17549435e-38")]
    [InlineData("1.1754943508222875e-38")]
    [InlineData("1.1754942e-38")]
    [InlineData("1.4e-45")]
    [InlineData("7.0064923216240853e-46")]
    [InlineData("7.0064923216240862e-46")]
    [InlineData("1e-400")]
    [InlineData("3.4028234663852886e38")]
    [InlineData("3.4028235677973365e38")]
    [InlineData("3.4028235677973366e38")]
    [InlineData("2.2250738585072011e-308")]
    [InlineData("2.2250738585072014e-308")]
    [InlineData("1.7976931348623157e308")]
    [InlineData("1.7976931348623159e308")]
    [InlineData("4.9406564584124654e-324")]
    [InlineData("0.1e-6")]
    [InlineData("8.442911973260991817129021e-309")]
    [InlineData("100000000000000016777215")]
    [InlineData("100000000000000016777216")]
    [InlineData("1090544144181609348671888949248")]
    [InlineData("1090544144181609348835077142190")]
    [InlineData("123456789012345678901234567890e-10")]
    [InlineData("0.000000000000000000000000000000000000000000000000000000000000000000000001e72")]
    public void Convert_HardCase_IsCorrectlyRounded(string text) => Check(text, seed: 0);

    [Fact]
    public void Convert_FloatsWrittenAsDoubles_ComeBack()
    {
        const int Seed = 7;
        Random random = new(Seed);
        for (int i = 0; i < Samples; i++)
        {
            float value = BitConverter.UInt32BitsToSingle((uint)random.NextInt64(1L << 32));
            if (!float.IsFinite(value)) continue;
            Check(((double)value).ToString("R", CultureInfo.InvariantCulture), Seed);
            Check(value.ToString("R", CultureInfo.InvariantCulture), Seed);
        }
    }

    [Fact]
    public void Convert_RandomDecimals_AreCorrectlyRounded()
    {
        const int Seed = 11;
        Random random = new(Seed);
        StringBuilder text = new();
        for (int i = 0; i < Samples; i++)
        {
            text.Clear();
            if (random.Next(2) == 0) text.Append('-');
            text.Append(random.Next(4) == 0 ? 0 : random.NextInt64(1, 10L << random.Next(55)));
            if (random.Next(3) > 0)
            {
                text.Append('.');
                int digits = random.Next(1, 25);
                for (int digit = 0; digit < digits; digit++) text.Append(random.Next(10));
            }

            if (random.Next(2) == 0) text.Append(random.Next(2) == 0 ? 'e' : 'E').Append(random.Next(-60, 60));
            Check(text.ToString(), Seed);
        }
    }

    [Fact]
    public void Convert_NumbersNextToFloatMidpoints_AreCorrectlyRounded()
    {
        const int Seed = 13;
        Random random = new(Seed);
        for (int i = 0; i < Samples; i++)
        {
            float value = BitConverter.UInt32BitsToSingle((uint)random.Next(0x00800000, 0x7F000000));
            double middle = ((double)value + MathF.BitIncrement(value)) / 2;
            middle = BitConverter.Int64BitsToDouble(BitConverter.DoubleToInt64Bits(middle) + random.Next(-12, 13));
            Check(middle.ToString("R", CultureInfo.InvariantCulture), Seed);
        }
    }

    [Theory]
    [InlineData("-", "Invalid value.", 1)]
    [InlineData("+1", "Invalid value.", 0)]
    [InlineData(".5", "Invalid value.", 0)]
    [InlineData("1.", "Miss fraction part in number.", 2)]
    [InlineData("1.e5", "Miss fraction part in number.", 2)]
    [InlineData("1e", "Miss exponent in number.", 2)]
    [InlineData("1e+", "Miss exponent in number.", 3)]
    [InlineData("nan", "Invalid value.", 0)]
    [InlineData("-Inx", "Invalid value.", 1)]
    public void Scan_NoNumber_SaysWhatAndWhere(string text, string problem, int position)
    {
        string? found = NumberToken.Scan(Encoding.ASCII.GetBytes(text), out NumberToken token);

        Assert.Equal((problem, position), (found, token.Length));
    }

    [Theory]
    [InlineData("01", 1)]
    [InlineData("1-2", 1)]
    [InlineData("12345678901234567890,", 20)]
    [InlineData("0.12345678]", 10)]
    [InlineData("-Infinity,", 9)]
    [InlineData("Inf ", 3)]
    [InlineData("NaNa", 3)]
    public void Scan_Number_StopsBehindIt(string text, int length)
    {
        Assert.Null(NumberToken.Scan(Encoding.ASCII.GetBytes(text), out NumberToken token));

        Assert.Equal(length, token.Length);
    }

    private static void Check(string text, int seed)
    {
        byte[] utf8 = Encoding.ASCII.GetBytes(text);
        string? problem = NumberToken.Scan(utf8, out NumberToken token);
        Assert.True(problem is null && token.Length == utf8.Length, $"'{text}' was not scanned whole (seed {seed})");

        float single = float.Parse(text, CultureInfo.InvariantCulture);
        bool isSingle = SingleElement.TryConvert(token, utf8, out float actualSingle);
        Assert.True(isSingle == float.IsFinite(single), $"'{text}' as FP32: in range {isSingle} (seed {seed})");
        Assert.True(
            !isSingle || BitConverter.SingleToUInt32Bits(single) == BitConverter.SingleToUInt32Bits(actualSingle), $"'{text}' as FP32: {actualSingle:R}, not {single:R} (seed {seed})");

        double expected = double.Parse(text, CultureInfo.InvariantCulture);
        bool isDouble = DoubleElement.TryConvert(token, utf8, out double actual);
        Assert.True(isDouble == double.IsFinite(expected), $"'{text}' as FP64: in range {isDouble} (seed {seed})");
        Assert.True(!isDouble || BitConverter.DoubleToUInt64Bits(expected) == BitConverter.DoubleToUInt64Bits(actual), $"'{text}' as FP64: {actual:R}, not {expected:R} (seed {seed})");
    }
}
