using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>Reads protobuf's JSON form into a <see cref="ConfigMessage"/>, guided by a schema.</summary>
/// <remarks><b>Behaviour</b>: names in snake_case or lowerCamelCase, enumerations by name (any case, as Triton reads them) or number, integers as numbers
/// or strings, null as absent. Stops at the first error, with its place and path.</remarks>
internal ref struct JsonFormatReader
{
    /// <summary>The JSON reader repeats the rest of the document in some of its messages; this much holds the part that explains.</summary>
    private const int MaxMessage = 200;

    private readonly string _source;
    private readonly int[] _lineStarts;
    private Utf8JsonReader _json;

    private JsonFormatReader(ReadOnlySpan<byte> utf8, string source)
    {
        _source = source;
        List<int> lineStarts = [0];
        for (int i = 0; i < utf8.Length; i++)
        {
            if (utf8[i] == '\n') lineStarts.Add(i + 1);
        }

        _lineStarts = [.. lineStarts];
        _json = new Utf8JsonReader(utf8);
    }

    /// <summary>Reads a whole document.</summary>
    /// <exception cref="ModelConfigException">The JSON is not a <paramref name="schema"/>.</exception>
    public static ConfigMessage Read(ReadOnlySpan<byte> utf8, string source, MessageSchema schema)
    {
        JsonFormatReader reader = new(utf8, source);
        try
        {
            reader._json.Read();
            ConfigMessage root = reader.ReadMessage(schema, "$");

            // A second document after the first one is malformed JSON, which this last read reports.
            reader._json.Read();
            return root;
        }
        catch (JsonException e)
        {
            string message = Suggestion.Shorten(e.Message.Split(" LineNumber:")[0], MaxMessage);
            ModelConfigError error = new(source, (int)(e.LineNumber ?? 0) + 1, (int)(e.BytePositionInLine ?? 0) + 1, "", $"not valid JSON: {message}");
            throw new ModelConfigException([error]);
        }
    }

    private ConfigMessage ReadMessage(MessageSchema schema, string path)
    {
        if (_json.TokenType != JsonTokenType.StartObject) throw Error(path, $"{schema.Name} must be a JSON object but found {Found()}");
        ConfigMessage message = new(schema);
        while (_json.Read() && _json.TokenType != JsonTokenType.EndObject)
        {
            string name = Text(path);
            FieldSchema field = schema.FindJson(name) ?? throw Error(path, schema.DescribeUnknown(name));
            if (message.Has(field.Name)) throw Error(path, $"'{field.Name}' is given more than once");
            if (message.Refusal(field) is { } refusal) throw Error(path, refusal);
            _json.Read();
            if (_json.TokenType != JsonTokenType.Null) ReadField(message, field, $"{path}.{name}");
        }

        return message;
    }

    private void ReadField(ConfigMessage into, FieldSchema field, string path)
    {
        if (field.IsMap)
        {
            ReadMap(into, field, path);
        }
        else if (field.IsRepeated)
        {
            if (_json.TokenType != JsonTokenType.StartArray) throw Error(path, $"'{field.Name}' must be a JSON array but found {Found()}");
            into.Touch(field);
            for (int i = 0; _json.Read() && _json.TokenType != JsonTokenType.EndArray; i++) AddValue(into, field, $"{path}[{i}]");
        }
        else
        {
            AddValue(into, field, path);
        }
    }

    private void ReadMap(ConfigMessage into, FieldSchema field, string path)
    {
        if (_json.TokenType != JsonTokenType.StartObject) throw Error(path, $"'{field.Name}' must be a JSON object but found {Found()}");
        into.Touch(field);
        FieldSchema key = field.Message!.Find("key")!;
        FieldSchema value = field.Message.Find("value")!;
        while (_json.Read() && _json.TokenType != JsonTokenType.EndObject)
        {
            ConfigPosition position = Position();
            string keyText = Text(path);
            ConfigMessage entry = new(field.Message);
            entry.Add(key, key.Kind == FieldKind.String ? keyText : ToInteger(key, keyText, path), position);
            if (into.HasEntry(field, entry.Key)) throw Error(path, $"'{ConfigSource.Entry(field.Name, entry.Key)}' is given more than once");
            _json.Read();
            AddValue(entry, value, ConfigSource.Entry(path, keyText));
            into.Add(field, entry, position);
        }
    }

    private void AddValue(ConfigMessage into, FieldSchema field, string path)
    {
        ConfigPosition position = Position();
        object value = field.Kind switch
        {
            FieldKind.Message => ReadMessage(field.Message!, path),
            FieldKind.String when _json.TokenType == JsonTokenType.String => Text(path),
            FieldKind.Bool when _json.TokenType is JsonTokenType.True or JsonTokenType.False => _json.GetBoolean(),
            FieldKind.Enum when _json.TokenType is JsonTokenType.String or JsonTokenType.Number => ToEnum(field.Enum!, Text(path), path),
            FieldKind.Float or FieldKind.Double when _json.TokenType is JsonTokenType.String or JsonTokenType.Number => ToFloat(field, Text(path), path),
            not (FieldKind.String or FieldKind.Bool or FieldKind.Enum or FieldKind.Float or FieldKind.Double)
                when _json.TokenType is JsonTokenType.String or JsonTokenType.Number => ToInteger(field, Text(path), path),
            _ => throw Error(path, $"'{field.Name}' takes {Expected(field.Kind)} but found {Found()}"),
        };
        into.Add(field, value, position);
    }

    private readonly object ToEnum(EnumSchema schema, string text, string path)
    {
        if (_json.TokenType == JsonTokenType.String && schema.TryGetNumber(text, StringComparison.OrdinalIgnoreCase, out int number)) return (long)number;
        object? value = _json.TokenType == JsonTokenType.Number && TryIntegral(text, out Int128 integer) ? ScalarValue.Enum(schema, integer) : null;
        return value ?? throw Error(path, ScalarValue.DescribeUnknown(schema, text));
    }

    private readonly object ToInteger(FieldSchema field, string text, string path)
    {
        if (!TryIntegral(text, out Int128 value)) throw Error(path, $"'{field.Name}' takes an integer but found '{Suggestion.Shorten(text)}'");
        return ScalarValue.Integer(field.Kind, value)
            ?? throw Error(path, $"{Suggestion.Shorten(text)} is out of range for '{field.Name}' ({ScalarValue.DescribeRange(field.Kind)})");
    }

    private readonly double ToFloat(FieldSchema field, string text, string path) => text switch
    {
        "NaN" => double.NaN,
        "Infinity" => double.PositiveInfinity,
        "-Infinity" => double.NegativeInfinity,
        _ => ScalarValue.Float(text) ?? throw Error(path, $"'{field.Name}' takes a number but found '{Suggestion.Shorten(text)}'"),
    };

    /// <summary>Reads a whole number, which protobuf also takes as 1e3 or 2.0.</summary>
    private static bool TryIntegral(string text, out Int128 value)
    {
        if (Int128.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value)) return true;

        // 2^64 is beyond every integer field, and below it the conversion is exact for a whole number.
        if (ScalarValue.Float(text) is not { } number || number != Math.Truncate(number) || Math.Abs(number) > ulong.MaxValue) return false;
        value = (Int128)number;
        return true;
    }

    /// <summary>The current name, string or number as text.</summary>
    private readonly string Text(string path)
    {
        if (_json.TokenType == JsonTokenType.Number) return Encoding.ASCII.GetString(_json.ValueSpan);
        try
        {
            return _json.GetString()!;
        }
        catch (InvalidOperationException)
        {
            // The reader's way to say that an escape is half of a surrogate pair.
            throw Error(path, "the string is not valid Unicode");
        }
    }

    private static string Expected(FieldKind kind) => kind switch
    {
        FieldKind.String => "a string",
        FieldKind.Bool => "true or false",
        FieldKind.Enum => "a value's name or number",
        FieldKind.Float or FieldKind.Double => "a number",
        _ => "an integer",
    };

    private readonly string Found() => _json.TokenType switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.True => "true",
        JsonTokenType.False => "false",
        _ => "null",
    };

    private readonly ConfigPosition Position()
    {
        int offset = (int)_json.TokenStartIndex;
        int line = Array.BinarySearch(_lineStarts, offset);
        if (line < 0) line = ~line - 1;
        return new ConfigPosition(line + 1, offset - _lineStarts[line] + 1);
    }

    private readonly ModelConfigException Error(string path, string message)
    {
        ConfigPosition position = Position();
        return new ModelConfigException([new ModelConfigError(_source, position.Line, position.Column, path, message)]);
    }
}
