using System.Globalization;

namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>Reads the values of parameters, which are always strings.</summary>
internal static class ParameterValue
{
    /// <summary>A truth value as Triton reads it; null when it is none.</summary>
    public static bool? Bool(string value) => value.ToUpperInvariant() switch
    {
        "1" or "TRUE" => true,
        "0" or "FALSE" => false,
        _ => null,
    };

    public static int? Int(string value) =>
        int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) ? number : null;

    public static string NotBool(string key, string value) => $"parameter '{key}' must be 1, 0, true or false, got '{Suggestion.Shorten(value)}'";

    public static string NotInt(string key, string value) => $"parameter '{key}' must be an integer, got '{Suggestion.Shorten(value)}'";
}
