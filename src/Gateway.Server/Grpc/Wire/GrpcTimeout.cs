using System.Globalization;

namespace Gateway.Server.Grpc.Wire;

/// <summary>The header that gives a call time: up to eight digits and a unit.</summary>
internal static class GrpcTimeout
{
    public const string Header = "grpc-timeout";

    private const int MostDigits = 8;

    // As for Inference-Timeout-Ms: what has longer may take as long as it likes.
    private const double MostMicroseconds = 24 * 3600 * 1e6;

    /// <returns>Microseconds, at least 1; 0 when there is no such header, or it gives more than a day; null when it is malformed.</returns>
    public static long? Parse(string? text)
    {
        if (string.IsNullOrEmpty(text)) return 0;
        ReadOnlySpan<char> digits = text.AsSpan(0, text.Length - 1);
        if (digits.Length is 0 or > MostDigits || !int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int number)) return null;
        double unit = text[^1] switch
        {
            'H' => 3600e6,
            'M' => 60e6,
            'S' => 1e6,
            'm' => 1e3,
            'u' => 1,
            'n' => 1e-3,
            _ => 0,
        };
        if (unit == 0) return null;
        double microseconds = number * unit;
        return microseconds > MostMicroseconds ? 0 : Math.Max(1, (long)microseconds);
    }
}
