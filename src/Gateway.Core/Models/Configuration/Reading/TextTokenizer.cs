using System.Buffers;

namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>Splits protobuf's text format into tokens.</summary>
/// <remarks><b>Behaviour</b>: one pass, one token at a time; comments and white space fall away. Columns count characters, a tab is one.</remarks>
internal sealed class TextTokenizer(string text, string source)
{
    private static readonly SearchValues<char> Symbols = SearchValues.Create(":{}<>[],;-./");

    private int _at;
    private int _line = 1;
    private int _lineStart;

    /// <summary>The next token; at the end, <see cref="TextTokenKind.End"/> again and again.</summary>
    /// <exception cref="ModelConfigException">What stands there is no token.</exception>
    public TextToken Next()
    {
        SkipBlank();
        ConfigPosition position = Here;
        if (_at >= text.Length) return new TextToken(TextTokenKind.End, "", position);

        int start = _at;
        char c = text[_at];
        TextTokenKind kind;
        if (char.IsAsciiLetter(c) || c == '_') kind = ScanIdentifier();
        else if (char.IsAsciiDigit(c) || (c == '.' && char.IsAsciiDigit(Peek(1)))) kind = ScanNumber();
        else if (c is '"' or '\'') kind = ScanString(c);
        else if (Symbols.Contains(c)) kind = ScanSymbol();
        else throw Error(position, $"unexpected character '{Suggestion.Shorten(c.ToString())}'");
        return new TextToken(kind, text[start.._at], position);
    }

    /// <summary>An error at a place of this text.</summary>
    public ModelConfigException Error(ConfigPosition position, string message) =>
        new([new ModelConfigError(source, position.Line, position.Column, "", message)]);

    private ConfigPosition Here => new(_line, _at - _lineStart + 1);

    private char Peek(int ahead) => _at + ahead < text.Length ? text[_at + ahead] : '\0';

    private void SkipBlank()
    {
        while (_at < text.Length)
        {
            char c = text[_at];
            if (c == '#')
            {
                int end = text.IndexOf('\n', _at);
                _at = end < 0 ? text.Length : end;
            }
            else if (c == '\n')
            {
                _at++;
                _line++;
                _lineStart = _at;
            }
            else if (c is ' ' or '\t' or '\r' or '\v' or '\f')
            {
                _at++;
            }
            else
            {
                return;
            }
        }
    }

    private TextTokenKind ScanIdentifier()
    {
        while (char.IsAsciiLetterOrDigit(Peek(0)) || Peek(0) == '_') _at++;
        return TextTokenKind.Identifier;
    }

    private TextTokenKind ScanSymbol()
    {
        _at++;
        return TextTokenKind.Symbol;
    }

    private TextTokenKind ScanNumber()
    {
        ConfigPosition start = Here;
        TextTokenKind kind = TextTokenKind.Integer;
        if (Peek(0) == '0' && Peek(1) is 'x' or 'X')
        {
            _at += 2;
            if (!char.IsAsciiHexDigit(Peek(0))) throw Error(start, "'0x' must be followed by hexadecimal digits");
            while (char.IsAsciiHexDigit(Peek(0))) _at++;
        }
        else
        {
            SkipDigits();
            if (Peek(0) == '.')
            {
                _at++;
                SkipDigits();
                kind = TextTokenKind.Float;
            }

            if (Peek(0) is 'e' or 'E')
            {
                _at += Peek(1) is '+' or '-' ? 2 : 1;
                if (!char.IsAsciiDigit(Peek(0))) throw Error(start, "the exponent has no digits");
                SkipDigits();
                kind = TextTokenKind.Float;
            }

            if (Peek(0) is 'f' or 'F')
            {
                _at++;
                kind = TextTokenKind.Float;
            }
        }

        if (char.IsAsciiLetterOrDigit(Peek(0)) || Peek(0) is '_' or '.') throw Error(Here, $"a number cannot be followed by '{Peek(0)}'");
        return kind;
    }

    private void SkipDigits()
    {
        while (char.IsAsciiDigit(Peek(0))) _at++;
    }

    private TextTokenKind ScanString(char quote)
    {
        ConfigPosition start = Here;
        _at++;
        while (_at < text.Length && text[_at] != quote)
        {
            if (text[_at] == '\n') throw Error(start, "a string cannot run over the end of its line");

            // The character after a backslash is never the closing quote; what the escape means is read later.
            _at += text[_at] == '\\' && Peek(1) != '\n' ? 2 : 1;
        }

        if (_at >= text.Length) throw Error(start, "the string has no closing quote");
        _at++;
        return TextTokenKind.String;
    }
}
