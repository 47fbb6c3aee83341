using System.Globalization;
using System.Numerics;

namespace Gateway.Server.OpenInference;

/// <summary>Turns scanned numbers into a tensor's own type.</summary>
internal interface IJsonElement<T>
{
    /// <summary>Name of the JSON type that the element must have, as Triton's errors have it.</summary>
    static abstract string Wanted { get; }

    static abstract bool IsRightKind(in NumberToken token);

    /// <returns>False when the number is beyond the type's range.</returns>
    static abstract bool TryConvert(in NumberToken token, ReadOnlySpan<byte> text, out T value);
}

/// <summary>Integers of 8 to 64 bits: integer tokens only, within range.</summary>
internal readonly struct IntegerElement<T> : IJsonElement<T>
    where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
{
    private static readonly ulong Largest = ulong.CreateTruncating(T.MaxValue);
    private static readonly ulong LargestNegated = T.IsNegative(T.MinValue) ? Largest + 1 : 0;

    public static string Wanted => T.IsNegative(T.MinValue) ? "signed-integer" : "unsigned-integer";

    public static bool IsRightKind(in NumberToken token) =>
        token.IsInteger && (T.IsNegative(T.MinValue) || !token.IsNegative || token.Mantissa == 0);

    public static bool TryConvert(in NumberToken token, ReadOnlySpan<byte> text, out T value)
    {
        ulong magnitude = token.Mantissa;

        // Nineteen digits always fit in the mantissa; UINT64 has twenty.
        if (!token.IsExact && !ulong.TryParse(text[(token.IsNegative ? 1 : 0)..], NumberStyles.None, CultureInfo.InvariantCulture, out magnitude))
        {
            value = default;
            return false;
        }

        value = T.CreateTruncating(token.IsNegative ? 0 - magnitude : magnitude);
        return magnitude <= (token.IsNegative ? LargestNegated : Largest);
    }
}

/// <summary>FP32, correctly rounded from the decimal digits.</summary>
internal readonly struct SingleElement : IJsonElement<float>
{
    // Bits of a double that a float does not have, and half of what they can hold: where the rounding turns.
    private const ulong LostBits = (1UL << 29) - 1;
    private const long Halfway = 1L << 28;

    // Mantissa, power and product are each off by at most half a unit in the last place of a double (two units after scaling, dropped digits included).
    private const long MostError = 8;

    private const double SmallestNormal = 1.17549435082228750797e-38;

    public static string Wanted => "number";

    public static bool IsRightKind(in NumberToken token) => true;

    public static bool TryConvert(in NumberToken token, ReadOnlySpan<byte> text, out float value)
    {
        int exponent = token.Exponent;
        if (token.Mantissa != 0 && exponent is >= -PowersOfTen.Most and <= PowersOfTen.Most)
        {
            double near = exponent < 0 ? token.Mantissa / PowersOfTen.Of(-exponent) : token.Mantissa * PowersOfTen.Of(exponent);

            // The number is within MostError units of `near`. When no turning point lies that close, both round to the same float.
            long lost = (long)(BitConverter.DoubleToUInt64Bits(near) & LostBits);
            if (Math.Abs(lost - Halfway) > MostError && near is >= SmallestNormal and < float.MaxValue)
            {
                value = (float)(token.IsNegative ? -near : near);
                return true;
            }
        }

        return TryConvertSlow(token, text, out value);
    }

    private static bool TryConvertSlow(in NumberToken token, ReadOnlySpan<byte> text, out float value)
    {
        if (token.IsNaN || token.IsInfinity)
        {
            value = token.IsNaN ? float.NaN : token.IsNegative ? float.NegativeInfinity : float.PositiveInfinity;
            return true;
        }

        return float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && float.IsFinite(value);
    }
}

/// <summary>FP64, correctly rounded from the decimal digits.</summary>
internal readonly struct DoubleElement : IJsonElement<double>
{
    // Integers and powers of ten up to these are doubles exactly, so one multiplication or division rounds once, correctly (Clinger's fast path).
    private const ulong MostExactMantissa = 1UL << 53;
    private const int MostExactPower = 22;

    public static string Wanted => "number";

    public static bool IsRightKind(in NumberToken token) => true;

    public static bool TryConvert(in NumberToken token, ReadOnlySpan<byte> text, out double value)
    {
        int exponent = token.Exponent;
        if (token.IsExact && token.Mantissa is > 0 and <= MostExactMantissa && exponent is >= -MostExactPower and <= MostExactPower)
        {
            double mantissa = token.Mantissa;
            value = exponent < 0 ? mantissa / PowersOfTen.Of(-exponent) : mantissa * PowersOfTen.Of(exponent);
            if (token.IsNegative) value = -value;
            return true;
        }

        if (token.IsNaN || token.IsInfinity)
        {
            value = token.IsNaN ? double.NaN : token.IsNegative ? double.NegativeInfinity : double.PositiveInfinity;
            return true;
        }

        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value);
    }
}
