using System.Globalization;

namespace Gateway.Load;

/// <summary>Numbers for people: three digits that mean something, and a unit.</summary>
internal static class Quantity
{
    public static string Seconds(double seconds) => seconds switch
    {
        _ when !double.IsFinite(seconds) => "–",
        0 => "0",
        < 1e-3 => $"{Digits(seconds * 1e6)} µs",
        < 1 => $"{Digits(seconds * 1e3)} ms",
        _ => $"{Digits(seconds)} s",
    };

    public static string Share(double share) => !double.IsFinite(share) ? "–" : share == 0 ? "0 %" : $"{Digits(share * 100)} %";

    /// <summary>With separators from a thousand on.</summary>
    public static string Number(double value) => !double.IsFinite(value) ? "–" : Math.Abs(value) >= 1000 ? value.ToString("#,0", CultureInfo.InvariantCulture) : Digits(value);

    private static string Digits(double value) => Math.Abs(value) switch
    {
        >= 100 => value.ToString("0", CultureInfo.InvariantCulture),
        >= 10 => value.ToString("0.#", CultureInfo.InvariantCulture),
        >= 0.1 => value.ToString("0.##", CultureInfo.InvariantCulture),
        _ => value.ToString("0.####", CultureInfo.InvariantCulture),
    };
}
