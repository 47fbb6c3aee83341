using System.Buffers;
using System.Text;

namespace Gateway.Server.Grpc.Wire;

/// <summary>Writes a status's text as a header can carry it: UTF-8, with what is not plain ASCII as <c>%XX</c>.</summary>
internal static class StatusMessage
{
    /// <summary>Longest text, in bytes as sent: clients take trailers of 8 KiB, and some proxies of 4.</summary>
    public const int MostBytes = 2048;

    private static readonly SearchValues<char> Plain = SearchValues.Create(string.Concat(Enumerable.Range(0x20, 0x7F - 0x20).Select(each => (char)each)).Replace("%", "", StringComparison.Ordinal));

    public static string Encode(string text)
    {
        // A header's value must not begin or end with a space: it would be trimmed.
        if (text.Length <= MostBytes && !text.AsSpan().ContainsAnyExcept(Plain) && (text.Length == 0 || (text[0] != ' ' && text[^1] != ' '))) return text;
        StringBuilder encoded = new();
        Span<byte> utf8 = stackalloc byte[4];
        foreach (Rune rune in text.EnumerateRunes())
        {
            int bytes = rune.EncodeToUtf8(utf8);
            bool isPlain = bytes == 1 && Plain.Contains((char)utf8[0]) && utf8[0] != ' ';
            if (encoded.Length + (isPlain ? 1 : 3 * bytes) > MostBytes) break;
            if (isPlain) encoded.Append((char)utf8[0]);
            else if (utf8[0] == ' ' && encoded.Length > 0 && encoded.Length + 1 < MostBytes) encoded.Append(' ');
            else foreach (byte each in utf8[..bytes]) encoded.Append('%').Append(each.ToString("X2", System.Globalization.CultureInfo.InvariantCulture));
        }

        if (encoded.Length > 0 && encoded[^1] == ' ') encoded.Remove(encoded.Length - 1, 1);
        return encoded.ToString();
    }
}
