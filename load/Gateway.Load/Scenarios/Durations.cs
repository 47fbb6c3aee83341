using System.Globalization;

namespace Gateway.Load.Scenarios;

/// <summary>Reads durations: <c>30s</c>, <c>500ms</c>, <c>2m</c>, <c>1h</c>, <c>250us</c>; a number alone is seconds.</summary>
internal static class Durations
{
    private static readonly (string Unit, double Seconds)[] Units = [("ms", 1e-3), ("us", 1e-6), ("µs", 1e-6), ("s", 1), ("m", 60), ("h", 3600)];

    /// <returns>False when it is none, or beyond a week.</returns>
    public static bool TryParse(string text, out double seconds)
    {
        double factor = 1;
        text = text.Trim();
        foreach ((string unit, double each) in Units)
        {
            if (!text.EndsWith(unit, StringComparison.Ordinal)) continue;
            factor = each;
            text = text[..^unit.Length].TrimEnd();
            break;
        }

        bool isRead = double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out seconds);
        seconds *= factor;
        return isRead && seconds >= 0 && seconds <= 7 * 24 * 3600;
    }
}
