using System.Globalization;
using System.Text;

namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>Turns a quoted string of the text format into the bytes it means.</summary>
internal static class TextString
{
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    /// <summary>Appends the bytes of one literal, quotes included in <paramref name="literal"/>.</summary>
    /// <returns>What is wrong with an escape, and how far into the literal; null when all is well.</returns>
    public static (string Message, int Offset)? Append(ReadOnlySpan<char> literal, List<byte> bytes)
    {
        ReadOnlySpan<char> body = literal[..^1];
        int i = 1;
        while (i < body.Length)
        {
            int run = body[i..].IndexOf('\\');
            int end = run < 0 ? body.Length : i + run;
            bytes.AddRange(Encoding.UTF8.GetBytes(body[i..end].ToArray()));
            if (end == body.Length) break;
            int start = end;
            i = end + 1;
            if (Escape(body, ref i, bytes) is { } message) return (message, start);
        }

        return null;
    }

    /// <summary>The string, or null when the bytes are not UTF-8.</summary>
    public static string? Decode(List<byte> bytes)
    {
        try
        {
            return StrictUtf8.GetString([.. bytes]);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    private static string? Escape(ReadOnlySpan<char> body, ref int i, List<byte> bytes)
    {
        char c = body[i++];
        switch (c)
        {
            case 'a': bytes.Add(7); return null;
            case 'b': bytes.Add(8); return null;
            case 't': bytes.Add(9); return null;
            case 'n': bytes.Add(10); return null;
            case 'v': bytes.Add(11); return null;
            case 'f': bytes.Add(12); return null;
            case 'r': bytes.Add(13); return null;
            case '\\' or '\'' or '"' or '?': bytes.Add((byte)c); return null;
            case >= '0' and <= '7': i--; return Octal(body, ref i, bytes);
            case 'x' or 'X': return Hex(body, ref i, bytes);
            case 'u': return Unicode(body, ref i, 4, bytes);
            case 'U': return Unicode(body, ref i, 8, bytes);
            default: return $"unknown escape '\\{Suggestion.Shorten(c.ToString())}' in a string";
        }
    }

    private static string? Octal(ReadOnlySpan<char> body, ref int i, List<byte> bytes)
    {
        int value = 0;
        for (int end = Math.Min(i + 3, body.Length); i < end && body[i] is >= '0' and <= '7'; i++) value = (value * 8) + (body[i] - '0');
        if (value > byte.MaxValue) return "an octal escape must be at most \\377";
        bytes.Add((byte)value);
        return null;
    }

    private static string? Hex(ReadOnlySpan<char> body, ref int i, List<byte> bytes)
    {
        int start = i;
        while (i < body.Length && i < start + 2 && char.IsAsciiHexDigit(body[i])) i++;
        if (i == start) return "'\\x' must be followed by one or two hexadecimal digits";
        bytes.Add(byte.Parse(body[start..i], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
        return null;
    }

    private static string? Unicode(ReadOnlySpan<char> body, ref int i, int digits, List<byte> bytes)
    {
        if (!TryCodePoint(body, ref i, digits, out uint code)) return $"'\\{(digits == 4 ? 'u' : 'U')}' must be followed by {digits} hexadecimal digits";

        // A pair of surrogates, each in its own escape, is one character; protobuf reads it so.
        if (code is >= 0xD800 and <= 0xDBFF && body[i..].StartsWith("\\u"))
        {
            int next = i + 2;
            if (TryCodePoint(body, ref next, 4, out uint low) && low is >= 0xDC00 and <= 0xDFFF)
            {
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                i = next;
            }
        }

        if (!Rune.IsValid(code)) return $"U+{code:X4} is not a character";
        Span<byte> utf8 = stackalloc byte[4];
        bytes.AddRange(utf8[..new Rune(code).EncodeToUtf8(utf8)]);
        return null;
    }

    private static bool TryCodePoint(ReadOnlySpan<char> body, ref int i, int digits, out uint code)
    {
        code = 0;
        if (body.Length - i < digits) return false;
        if (!uint.TryParse(body.Slice(i, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out code)) return false;
        i += digits;
        return true;
    }
}
