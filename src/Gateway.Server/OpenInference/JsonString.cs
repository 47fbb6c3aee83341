using System.Text;

namespace Gateway.Server.OpenInference;

/// <summary>A string as it stands in a JSON document: without its quotes, its escapes not yet resolved but known to be valid.</summary>
internal readonly ref struct JsonString(ReadOnlySpan<byte> raw, bool hasEscapes)
{
    public ReadOnlySpan<byte> Raw { get; } = raw;

    public bool HasEscapes { get; } = hasEscapes;

    public bool Is(ReadOnlySpan<byte> utf8) => HasEscapes ? IsSlow(utf8) : Raw.SequenceEqual(utf8);

    /// <summary>Writes the string's UTF-8 bytes, at most as many as <see cref="Raw"/> has.</summary>
    public int CopyTo(Span<byte> destination)
    {
        if (HasEscapes) return Unescape(destination);
        Raw.CopyTo(destination);
        return Raw.Length;
    }

    public override string ToString()
    {
        if (!HasEscapes) return Encoding.UTF8.GetString(Raw);
        byte[] text = new byte[Raw.Length];
        return Encoding.UTF8.GetString(text.AsSpan(0, Unescape(text)));
    }

    private bool IsSlow(ReadOnlySpan<byte> utf8)
    {
        // An escape only ever makes a string longer.
        if (utf8.Length >= Raw.Length) return false;
        byte[] text = new byte[Raw.Length];
        return utf8.SequenceEqual(text.AsSpan(0, Unescape(text)));
    }

    private int Unescape(Span<byte> destination)
    {
        ReadOnlySpan<byte> rest = Raw;
        int written = 0;
        while (true)
        {
            int plain = rest.IndexOf((byte)'\\');
            if (plain < 0) plain = rest.Length;
            rest[..plain].CopyTo(destination[written..]);
            written += plain;
            if (plain == rest.Length) return written;
            rest = rest[plain..];
            if (rest[1] == 'u')
            {
                int unit = HexUnit(rest[2..]);
                rest = rest[6..];
                if (char.IsHighSurrogate((char)unit))
                {
                    unit = char.ConvertToUtf32((char)unit, (char)HexUnit(rest[2..]));
                    rest = rest[6..];
                }

                written += new Rune(unit).EncodeToUtf8(destination[written..]);
            }
            else
            {
                destination[written++] = rest[1] switch
                {
                    (byte)'b' => (byte)'\b',
                    (byte)'f' => (byte)'\f',
                    (byte)'n' => (byte)'\n',
                    (byte)'r' => (byte)'\r',
                    (byte)'t' => (byte)'\t',
                    byte same => same,
                };
                rest = rest[2..];
            }
        }
    }

    /// <summary>The UTF-16 unit that four hexadecimal digits stand for; -1 when they are not.</summary>
    internal static int HexUnit(ReadOnlySpan<byte> digits)
    {
        if (digits.Length < 4) return -1;
        int unit = 0;
        for (int i = 0; i < 4; i++)
        {
            if (!char.IsAsciiHexDigit((char)digits[i])) return -1;
            int digit = digits[i] <= '9' ? digits[i] - '0' : (digits[i] | 0x20) - 'a' + 10;
            unit = (unit << 4) | digit;
        }

        return unit;
    }
}
