using System.Globalization;

namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>Checks that a number fits a field, and boxes it as <see cref="ConfigValue"/> keeps it.</summary>
internal static class ScalarValue
{
    /// <summary>An integer for an integer field.</summary>
    /// <returns>Null when it is out of the field's range.</returns>
    public static object? Integer(FieldKind kind, Int128 value)
    {
        (Int128 min, Int128 max) = Range(kind);
        if (value < min || value > max) return null;
        return kind == FieldKind.UInt64 ? (ulong)value : (long)value;
    }

    /// <summary>A field's range for an error text.</summary>
    public static string DescribeRange(FieldKind kind)
    {
        (Int128 min, Int128 max) = Range(kind);
        return $"{min} to {max}";
    }

    /// <summary>An enumeration's value by number.</summary>
    public static object? Enum(EnumSchema schema, Int128 value) =>
        value >= int.MinValue && value <= int.MaxValue && schema.IsDefined((long)value) ? (long)value : null;

    public static string DescribeUnknown(EnumSchema schema, string value)
    {
        string suggestion = Suggestion.Closest(value, schema.ValueNames) is { } closest ? $": did you mean '{closest}'?" : ".";
        return $"unknown value '{Suggestion.Shorten(value)}' of {schema.Name}{suggestion} Known values: {string.Join(", ", schema.ValueNames)}.";
    }

    /// <summary>Reads a decimal floating-point number; too large is infinity, as in protobuf.</summary>
    public static double? Float(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : null;

    private static (Int128 Min, Int128 Max) Range(FieldKind kind) => kind switch
    {
        FieldKind.Int32 => (int.MinValue, int.MaxValue),
        FieldKind.UInt32 => (uint.MinValue, uint.MaxValue),
        FieldKind.UInt64 => (ulong.MinValue, ulong.MaxValue),
        _ => (long.MinValue, long.MaxValue),
    };
}
