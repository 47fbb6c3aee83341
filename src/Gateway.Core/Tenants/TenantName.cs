namespace Gateway.Core.Tenants;

/// <summary>What a tenant may be called: visible ASCII, which headers, labels and logs carry alike, and not too long.</summary>
public static class TenantName
{
    public const int MostBytes = 128;

    /// <summary>For people.</summary>
    public const string Rule = "1 to 128 visible ASCII characters";

    public static bool IsValid(ReadOnlySpan<char> name)
    {
        if (name.Length is 0 or > MostBytes) return false;
        return name.IndexOfAnyExceptInRange('!', '~') < 0;
    }

    public static bool IsValid(ReadOnlySpan<byte> utf8Name)
    {
        if (utf8Name.Length is 0 or > MostBytes) return false;
        return utf8Name.IndexOfAnyExceptInRange((byte)'!', (byte)'~') < 0;
    }
}
