using System.Globalization;
using Gateway.Core.Caching;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Gateway.Server.OpenInference;

/// <summary>What a request says of the cache over HTTP, and what the cache says of its answer.</summary>
/// <remarks>
/// Of <c>Cache-Control</c> (RFC 9111) <c>no-cache</c>, <c>no-store</c>, <c>max-age</c> and <c>only-if-cached</c> count; our own <c>Inference-Cache</c> has the words of
/// <see cref="CacheUses"/>. The answer has <c>Cache-Status</c> (RFC 9211), and with a hit <c>Age</c>. <b>Cost</b>: no allocation but for an age of more than a minute.
/// </remarks>
internal static class CacheHeaders
{
    public const string Name = "Inference-Cache";
    private const string StatusName = "Cache-Status";
    private const string MaxAge = "max-age=";

    private static readonly string[] Ages = [.. Enumerable.Range(0, 61).Select(age => age.ToString(CultureInfo.InvariantCulture))];

    /// <exception cref="InferenceException">Our own header has none of the words.</exception>
    public static CacheUse Read(IHeaderDictionary headers)
    {
        CacheUse use = CacheUse.Ordinary;
        if (headers.TryGetValue(Name, out StringValues own) && own.Count > 0 && !CacheUses.TryParse(own.ToString(), out use))
        {
            string text = own.ToString();
            throw Errors.Invalid($"Unable to parse {Name}, expected one of {CacheUses.Allowed}, got: {(text.Length > 64 ? text[..64] : text)}");
        }

        StringValues standard = headers.CacheControl;
        if (standard.Count > 0) use |= ReadControl(standard.ToString());
        return use;
    }

    /// <summary>Tells a request what headers say.</summary>
    /// <exception cref="InferenceException">As above.</exception>
    public static void Apply(IHeaderDictionary headers, InferenceRequest request)
    {
        request.CacheUse |= Read(headers);
        request.CacheMaxAgeSeconds = ReadMaxAge(headers);
    }

    /// <summary>How old an answer may be, in seconds; 0 where nothing is said of that, or what is no number.</summary>
    public static long ReadMaxAge(IHeaderDictionary headers)
    {
        if (headers.CacheControl.Count == 0) return 0;
        ReadOnlySpan<char> text = headers.CacheControl.ToString();
        foreach (Range range in text.Split(','))
        {
            ReadOnlySpan<char> directive = text[range].Trim();
            if (directive.StartsWith(MaxAge, StringComparison.OrdinalIgnoreCase) && int.TryParse(directive[MaxAge.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out int seconds)) return seconds;
        }

        return 0;
    }

    /// <summary>Says what the cache did; nothing for a model without one.</summary>
    public static void Write(IHeaderDictionary headers, InferenceRequest request)
    {
        if (request.CacheOutcome == CacheOutcome.None) return;
        headers[StatusName] = (request.CacheOutcome, request.CacheIsStored) switch
        {
            (CacheOutcome.Hit, _) => "gateway; hit",
            (CacheOutcome.Joined, _) => "gateway; fwd=miss; collapsed",
            (CacheOutcome.Bypassed, _) => "gateway; fwd=bypass",
            (CacheOutcome.Refreshed, true) => "gateway; fwd=request; stored",
            (CacheOutcome.Refreshed, false) => "gateway; fwd=request",
            (_, true) => "gateway; fwd=miss; stored",
            _ => "gateway; fwd=miss",
        };
        if (request.CacheOutcome != CacheOutcome.Hit) return;
        headers.Age = request.CacheAgeSeconds < Ages.Length ? Ages[request.CacheAgeSeconds] : request.CacheAgeSeconds.ToString(CultureInfo.InvariantCulture);
    }

    private static CacheUse ReadControl(ReadOnlySpan<char> text)
    {
        CacheUse use = CacheUse.Ordinary;
        foreach (Range range in text.Split(','))
        {
            ReadOnlySpan<char> directive = text[range].Trim();
            if (directive.Equals("no-cache", StringComparison.OrdinalIgnoreCase) || directive.Equals("max-age=0", StringComparison.OrdinalIgnoreCase)) use |= CacheUse.Refresh;
            else if (directive.Equals("no-store", StringComparison.OrdinalIgnoreCase)) use |= CacheUse.NoStore;
            else if (directive.Equals("only-if-cached", StringComparison.OrdinalIgnoreCase)) use |= CacheUse.OnlyIfCached;
        }

        return use;
    }
}
