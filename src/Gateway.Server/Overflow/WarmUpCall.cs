using Gateway.Core.Caching;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Overflow;

/// <summary>Marks a call over HTTP with which another gateway warms this one up; a feature of its context.</summary>
internal sealed class WarmUpCall
{
    public static WarmUpCall Instance { get; } = new();

    /// <summary>Whether a call is one.</summary>
    /// <param name="use">What it says of the cache, which of a warm-up must be to leave it alone: all others need not be looked at.</param>
    public static bool Is(HttpContext context, CacheUse use) => use == CacheUse.Bypass && context.Features.Get<WarmUpCall>() is not null;
}
