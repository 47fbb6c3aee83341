using System.Buffers.Binary;

namespace Gateway.Server.OpenInference;

/// <summary>A JSON number as scanned: (-1)^<see cref="IsNegative"/> × <see cref="Mantissa"/> × 10^<see cref="Exponent"/>, or NaN or an infinity.</summary>
internal struct NumberToken
{
    // Below it, one more digit still fits in 64 bits.
    private const ulong RoomForADigit = 1_000_000_000_000_000_000;

    // Below it, eight more digits still fit.
    private const ulong RoomForEightDigits = 10_000_000_000;

    // Far beyond what any type holds, far below overflow.
    private const int MostExponent = 99_999;

    public ulong Mantissa;
    public int Exponent;

    /// <summary>Bytes scanned; 0 when there is no number.</summary>
    public int Length;

    public bool IsNegative;

    /// <summary>Written without fraction and exponent.</summary>
    public bool IsInteger;

    /// <summary>All digits are in <see cref="Mantissa"/>: none had to be dropped (19 always fit).</summary>
    public bool IsExact;

    public bool IsNaN;
    public bool IsInfinity;

    /// <summary>Scans the number that <paramref name="text"/> begins with: JSON's grammar, and the tokens NaN, Inf and Infinity.</summary>
    /// <returns>Null, or what is wrong with it (RapidJSON's text, as in Triton); <see cref="Length"/> is then where it stands.</returns>
    public static string? Scan(ReadOnlySpan<byte> text, out NumberToken token)
    {
        token = default;
        int i = 0;
        if (text.Length > 0 && text[0] == '-')
        {
            token.IsNegative = true;
            i = 1;
        }

        if ((uint)i >= (uint)text.Length || !char.IsAsciiDigit((char)text[i])) return ScanWord(text, i, ref token);
        ulong mantissa = 0;
        int exponent = 0;
        bool isExact = true;
        bool isInteger = true;
        if (text[i] == '0')
        {
            i++;
        }
        else
        {
            for (; (uint)i < (uint)text.Length && (uint)(text[i] - '0') <= 9; i++)
            {
                if (mantissa < RoomForADigit)
                {
                    mantissa = (mantissa * 10) + (uint)(text[i] - '0');
                }
                else
                {
                    exponent++;
                    isExact = false;
                }
            }
        }

        if ((uint)i < (uint)text.Length && text[i] == '.')
        {
            isInteger = false;
            int first = ++i;
            while (i + 8 <= text.Length && mantissa < RoomForEightDigits && TryReadEight(text[i..], out ulong eight))
            {
                mantissa = (mantissa * 100_000_000) + eight;
                exponent -= 8;
                i += 8;
            }

            for (; (uint)i < (uint)text.Length && (uint)(text[i] - '0') <= 9; i++)
            {
                if (mantissa < RoomForADigit)
                {
                    mantissa = (mantissa * 10) + (uint)(text[i] - '0');
                    exponent--;
                }
                else
                {
                    isExact = false;
                }
            }

            if (i == first) return Fail(i, "Miss fraction part in number.", ref token);
        }

        if ((uint)i < (uint)text.Length && (text[i] | 0x20) == 'e')
        {
            isInteger = false;
            i++;
            bool isDown = i < text.Length && text[i] == '-';
            if (i < text.Length && text[i] is (byte)'+' or (byte)'-') i++;
            int first = i;
            int power = 0;
            for (; (uint)i < (uint)text.Length && (uint)(text[i] - '0') <= 9; i++) power = Math.Min((power * 10) + (text[i] - '0'), MostExponent);
            if (i == first) return Fail(i, "Miss exponent in number.", ref token);
            exponent += isDown ? -power : power;
        }

        token.Mantissa = mantissa;
        token.Exponent = exponent;
        token.Length = i;
        token.IsExact = isExact;
        token.IsInteger = isInteger;
        return null;
    }

    private static string? ScanWord(ReadOnlySpan<byte> text, int start, ref NumberToken token)
    {
        ReadOnlySpan<byte> word = text[start..];
        if (word.StartsWith("NaN"u8))
        {
            token.IsNaN = true;
            token.Length = start + 3;
        }
        else if (word.StartsWith("Inf"u8))
        {
            token.IsInfinity = true;
            token.Length = start + (word.StartsWith("Infinity"u8) ? 8 : 3);
        }
        else
        {
            return Fail(start, "Invalid value.", ref token);
        }

        return null;
    }

    private static string Fail(int at, string reason, ref NumberToken token)
    {
        token = default;
        token.Length = at;
        return reason;
    }

    /// <summary>Reads eight digits at once: three multiplications join neighbours to pairs, pairs to fours, fours to the whole.</summary>
    private static bool TryReadEight(ReadOnlySpan<byte> text, out ulong value)
    {
        ulong bytes = BinaryPrimitives.ReadUInt64LittleEndian(text);

        // A byte is a digit when its high half is 3 and stays 3 after 6 is added.
        if (((bytes & 0xF0F0F0F0F0F0F0F0) | (((bytes + 0x0606060606060606) & 0xF0F0F0F0F0F0F0F0) >> 4)) != 0x3333333333333333)
        {
            value = 0;
            return false;
        }

        bytes = ((bytes & 0x0F0F0F0F0F0F0F0F) * 2561) >> 8;
        bytes = ((bytes & 0x00FF00FF00FF00FF) * 6553601) >> 16;
        value = ((bytes & 0x0000FFFF0000FFFF) * 42949672960001) >> 32;
        return true;
    }
}
