using System.Security.Cryptography;
using System.Text;

namespace Gateway.Server.Tenants;

/// <summary>An API key as it stands in the configuration: itself, or its hash.</summary>
internal static class ApiKeyText
{
    public const int LeastBytes = 16;
    public const int MostBytes = 512;

    /// <summary>For people.</summary>
    public const string Rule = "16 to 512 bytes, or sha256: and 64 hexadecimal digits";

    private const string HashPrefix = "sha256:";

    public static bool IsValid(string text) =>
        text.StartsWith(HashPrefix, StringComparison.Ordinal)
            ? text.Length == HashPrefix.Length + (2 * SHA256.HashSizeInBytes) && text.AsSpan(HashPrefix.Length).IndexOfAnyExcept(Digits) < 0
            : Encoding.UTF8.GetByteCount(text) is >= LeastBytes and <= MostBytes;

    public static byte[] HashOf(string text) =>
        text.StartsWith(HashPrefix, StringComparison.Ordinal) ? Convert.FromHexString(text.AsSpan(HashPrefix.Length)) : SHA256.HashData(Encoding.UTF8.GetBytes(text));

    private static readonly System.Buffers.SearchValues<char> Digits = System.Buffers.SearchValues.Create("0123456789abcdefABCDEF");
}
