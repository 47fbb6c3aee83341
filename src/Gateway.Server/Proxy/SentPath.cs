using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Proxy;

/// <summary>Keeps a path's escapes as the client wrote them.</summary>
/// <remarks>
/// Routes see a path decoded, but for <c>%2F</c>; encoded again, that would be <c>%252F</c>, and other escapes would change their form. Where a transform has done no more
/// than to take a prefix away, what is left of the path as it was sent is the same path, and is what the upstream expects.
/// </remarks>
internal static class SentPath
{
    /// <param name="rawTarget">As in the request's first line.</param>
    /// <param name="requestPath">The same path, decoded.</param>
    /// <param name="path">What transforms have made of it.</param>
    /// <param name="kept"><paramref name="path"/> with the client's own escapes, without a query.</param>
    /// <returns>False where the path is to be encoded anew.</returns>
    public static bool TryKeep(string rawTarget, PathString requestPath, PathString path, [NotNullWhen(true)] out string? kept)
    {
        kept = null;
        int query = rawTarget.IndexOf('?', StringComparison.Ordinal);
        string raw = query < 0 ? rawTarget : rawTarget[..query];

        // Without escapes there is nothing to keep. Dots could climb out of the path that the route was matched by; the absolute form is another's path.
        if (!raw.StartsWith('/') || !raw.Contains('%', StringComparison.Ordinal) || raw.Contains("/.", StringComparison.Ordinal) || raw.Contains("%2E", StringComparison.OrdinalIgnoreCase)) return false;
        string whole = requestPath.Value ?? "";
        string rest = path.Value ?? "";
        if (!whole.EndsWith(rest, StringComparison.Ordinal)) return false;
        string prefix = whole[..^rest.Length];
        if (!raw.StartsWith(prefix, StringComparison.Ordinal)) return false;
        kept = raw[prefix.Length..];
        return kept.Length == 0 || kept[0] == '/';
    }
}
