namespace Gateway.Core.Caching;

/// <summary>The words for <see cref="CacheUse"/>, the same in every protocol.</summary>
public static class CacheUses
{
    /// <summary>The words, for error messages.</summary>
    public const string Allowed = "use, keep, refresh, no-store, bypass, only-if-cached";

    /// <returns>False for a word that is none.</returns>
    public static bool TryParse(ReadOnlySpan<char> text, out CacheUse use)
    {
        (use, bool isWord) = text switch
        {
            "use" => (CacheUse.Ordinary, true),
            "keep" => (CacheUse.Keep, true),
            "refresh" => (CacheUse.Refresh, true),
            "no-store" => (CacheUse.NoStore, true),
            "bypass" => (CacheUse.Bypass, true),
            "only-if-cached" => (CacheUse.OnlyIfCached, true),
            _ => (CacheUse.Ordinary, false),
        };
        return isWord;
    }

    /// <summary>Likewise, from UTF-8.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out CacheUse use)
    {
        Span<char> characters = stackalloc char[16];
        use = CacheUse.Ordinary;
        if (text.Length > characters.Length) return false;
        for (int i = 0; i < text.Length; i++) characters[i] = (char)text[i];
        return TryParse(characters[..text.Length], out use);
    }
}
