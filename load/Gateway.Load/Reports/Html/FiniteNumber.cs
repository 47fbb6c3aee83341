using System.Text.Json;
using System.Text.Json.Serialization;

namespace Gateway.Load.Reports.Html;

/// <summary>Numbers as JavaScript's JSON has them, which knows none that are not finite: those are null, and the page draws a dash.</summary>
internal sealed class FiniteNumber : JsonConverter<double>
{
    public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType == JsonTokenType.Null ? double.NaN : reader.GetDouble();

    public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options)
    {
        if (double.IsFinite(value)) writer.WriteNumberValue(value);
        else writer.WriteNullValue();
    }
}
