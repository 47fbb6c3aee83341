using System.Globalization;

namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>Reads protobuf's text format into a <see cref="ConfigMessage"/>, guided by a schema.</summary>
/// <remarks><b>Behaviour</b>: stops at the first error, with its place. No schema here contains itself, so nesting is as deep as the schema and no deeper:
/// a brace too many meets a field that is no message.</remarks>
internal sealed class TextFormatReader
{
    private readonly TextTokenizer _tokens;
    private TextToken _current;

    private TextFormatReader(string text, string source)
    {
        _tokens = new TextTokenizer(text, source);
        _current = _tokens.Next();
    }

    /// <summary>Reads a whole document.</summary>
    /// <exception cref="ModelConfigException">The text is not a <paramref name="schema"/>.</exception>
    public static ConfigMessage Read(string text, string source, MessageSchema schema)
    {
        TextFormatReader reader = new(text, source);
        ConfigMessage root = new(schema);
        while (reader._current.Kind != TextTokenKind.End) reader.ReadField(root);
        return root;
    }

    private void ReadField(ConfigMessage into)
    {
        TextToken name = _current;
        if (name.Kind != TextTokenKind.Identifier) throw Error(name, $"expected a field of {into.Schema.Name} but found {name.Quoted}");
        FieldSchema field = into.Schema.Find(name.Text) ?? throw Error(name, into.Schema.DescribeUnknown(name.Text));
        if (into.Refusal(field) is { } refusal) throw Error(name, refusal);
        Advance();

        if (!TryTake(':') && field.Kind != FieldKind.Message) throw Error(_current, $"expected ':' after '{field.Name}' but found {_current.Quoted}");
        if (_current.IsSymbol('[')) ReadList(into, field);
        else ReadValue(into, field, field.Kind == FieldKind.Message ? name.Position : _current.Position);
        if (!TryTake(',')) TryTake(';');
    }

    private void ReadList(ConfigMessage into, FieldSchema field)
    {
        if (!field.IsRepeated) throw Error(_current, $"'{field.Name}' takes a single value, not a list");
        TextToken open = _current;
        Advance();
        into.Touch(field);
        if (TryTake(']')) return;
        do
        {
            ReadValue(into, field, _current.Position);
        }
        while (TryTake(','));
        if (!TryTake(']')) throw Error(_current, $"expected ',' or ']' in '{field.Name}' (its '[' is at {open.Position.Line}:{open.Position.Column}) but found {_current.Quoted}");
    }

    private void ReadValue(ConfigMessage into, FieldSchema field, ConfigPosition position)
    {
        if (field.Kind != FieldKind.Message)
        {
            into.Add(field, ReadScalar(field), position);
            return;
        }

        ConfigMessage message = ReadMessage(field);
        if (field.IsMap && into.HasEntry(field, message.Key))
        {
            throw _tokens.Error(position, $"'{ConfigSource.Entry(field.Name, message.Key)}' is given more than once");
        }

        into.Add(field, message, position);
    }

    private ConfigMessage ReadMessage(FieldSchema field)
    {
        TextToken open = _current;
        char close = open.IsSymbol('{') ? '}' : '>';
        if (!open.IsSymbol('{') && !open.IsSymbol('<')) throw Error(open, $"expected '{{' to begin '{field.Name}' but found {open.Quoted}");
        Advance();
        ConfigMessage message = new(field.Message!);
        while (!TryTake(close))
        {
            if (_current.Kind != TextTokenKind.Identifier)
            {
                throw Error(_current, $"expected a field of {field.Message!.Name} or '{close}' (its '{open.Text}' is at {open.Position.Line}:{open.Position.Column}) but found {_current.Quoted}");
            }

            ReadField(message);
        }

        return message;
    }

    private object ReadScalar(FieldSchema field) => field.Kind switch
    {
        FieldKind.String => ReadString(field),
        FieldKind.Bool => ReadBool(field),
        FieldKind.Enum => ReadEnum(field),
        FieldKind.Float or FieldKind.Double => ReadFloat(field),
        _ => ReadInteger(field),
    };

    private string ReadString(FieldSchema field)
    {
        TextToken first = _current;
        if (first.Kind != TextTokenKind.String) throw Error(first, $"'{field.Name}' takes a quoted string but found {first.Quoted}");
        List<byte> bytes = [];
        while (_current.Kind == TextTokenKind.String)
        {
            if (TextString.Append(_current.Text, bytes) is var (message, offset))
            {
                throw _tokens.Error(_current.Position with { Column = _current.Position.Column + offset }, message);
            }

            Advance();
        }

        return TextString.Decode(bytes) ?? throw Error(first, $"the string of '{field.Name}' is not UTF-8");
    }

    private object ReadBool(FieldSchema field)
    {
        TextToken token = _current;
        object? value = token.Kind is TextTokenKind.Identifier or TextTokenKind.Integer
            ? token.Text switch
            {
                "true" or "True" or "t" or "1" => true,
                "false" or "False" or "f" or "0" => false,
                _ => null,
            }
            : null;
        if (value is null) throw Error(token, $"'{field.Name}' takes true or false but found {token.Quoted}");
        Advance();
        return value;
    }

    private object ReadEnum(FieldSchema field)
    {
        EnumSchema schema = field.Enum!;
        TextToken token = _current;
        if (token.Kind == TextTokenKind.Identifier)
        {
            if (!schema.TryGetNumber(token.Text, StringComparison.Ordinal, out int number)) throw Error(token, ScalarValue.DescribeUnknown(schema, token.Text));
            Advance();
            return (long)number;
        }

        if (token.Kind != TextTokenKind.Integer && !token.IsSymbol('-'))
        {
            throw Error(token, $"'{field.Name}' takes one of {string.Join(", ", schema.ValueNames)} but found {token.Quoted}");
        }

        Int128 value = ReadSigned(field);
        return ScalarValue.Enum(schema, value) ?? throw Error(token, ScalarValue.DescribeUnknown(schema, value.ToString(CultureInfo.InvariantCulture)));
    }

    private object ReadInteger(FieldSchema field)
    {
        TextToken first = _current;
        Int128 value = ReadSigned(field);
        return ScalarValue.Integer(field.Kind, value)
            ?? throw Error(first, $"{value} is out of range for '{field.Name}' ({ScalarValue.DescribeRange(field.Kind)})");
    }

    private Int128 ReadSigned(FieldSchema field)
    {
        bool negative = TryTake('-');
        TextToken token = _current;
        if (token.Kind != TextTokenKind.Integer) throw Error(token, $"'{field.Name}' takes an integer but found {token.Quoted}");
        Int128 magnitude = ParseMagnitude(token) ?? throw Error(token, $"{token.Quoted} is out of range for '{field.Name}'");
        Advance();
        return negative ? -magnitude : magnitude;
    }

    /// <summary>An integer token's value; null when it needs more than 64 bits.</summary>
    private Int128? ParseMagnitude(TextToken token)
    {
        bool isHex = token.Text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        uint radix = isHex ? 16u : token.Text.Length > 1 && token.Text[0] == '0' ? 8u : 10u;
        UInt128 value = 0;
        foreach (char c in token.Text.AsSpan(isHex ? 2 : 0))
        {
            uint digit = (uint)Convert.ToInt32(c.ToString(), 16);
            if (digit >= radix) throw Error(token, $"{token.Quoted} starts with 0, so it is octal, and '{c}' is no octal digit");
            value = (value * radix) + digit;
            if (value > ulong.MaxValue) return null;
        }

        return (Int128)value;
    }

    private double ReadFloat(FieldSchema field)
    {
        bool negative = TryTake('-');
        TextToken token = _current;
        double? value = token.Kind switch
        {
            TextTokenKind.Float => ScalarValue.Float(token.Text.TrimEnd('f', 'F')),
            TextTokenKind.Integer => ParseMagnitude(token) is { } integer ? (double)integer : ScalarValue.Float(token.Text),
            TextTokenKind.Identifier when token.Text.ToUpperInvariant() is "INF" or "INFINITY" => double.PositiveInfinity,
            TextTokenKind.Identifier when token.Text.ToUpperInvariant() is "NAN" => double.NaN,
            _ => null,
        };
        if (value is null) throw Error(token, $"'{field.Name}' takes a number but found {token.Quoted}");
        Advance();
        return negative ? -value.Value : value.Value;
    }

    private void Advance() => _current = _tokens.Next();

    private bool TryTake(char symbol)
    {
        if (!_current.IsSymbol(symbol)) return false;
        Advance();
        return true;
    }

    private ModelConfigException Error(TextToken token, string message) => _tokens.Error(token.Position, message);
}
