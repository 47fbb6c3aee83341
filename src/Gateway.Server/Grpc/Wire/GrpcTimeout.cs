using System.Globalization;

namespace Gateway.Server.Grpc.Wire;

/// <summary>The header that gives a call time: up to eight digits and a unit.</summary>
internal static class GrpcTimeout
{
    public const string Header = "grpc-timeout";

    public static ReadOnlySpan<byte> Utf8Header => "grpc-timeout"u8;

    private const int MostDigits = 8;

    // As for Inference-Timeout-Ms: what has longer may take as long as it likes.
    private const double MostMicroseconds = 24 * 3600 * 1e6;

    /// <returns>Microseconds, at least 1; 0 when there is no such header, or it gives more than a day; null when it is malformed.</returns>
    public static long? Parse(ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty) return 0;
        ReadOnlySpan<byte> digits = text[..^1];
        if (digits.Length is 0 or > MostDigits || !int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int number)) return null;
        double unit = text[^1] switch
        {
            (byte)'H' => 3600e6,
            (byte)'M' => 60e6,
            (byte)'S' => 1e6,
            (byte)'m' => 1e3,
            (byte)'u' => 1,
            (byte)'n' => 1e-3,
            _ => 0,
        };
        if (unit == 0) return null;
        double microseconds = number * unit;
        return microseconds > MostMicroseconds ? 0 : Math.Max(1, (long)microseconds);
    }
}
