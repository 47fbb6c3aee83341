using Gateway.Core.Caching;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Overflow;

/// <summary>Marks a call with which another gateway warms this one up; over HTTP a feature of its context.</summary>
/// <param name="bytes">Of its body or message; null where that is not known.</param>
internal sealed class WarmUpCall(Watchers watchers, long? bytes)
{
    // One row of 65,536 elements takes half of it, in whichever form.
    private const long MostBytes = 1 << 20;

    /// <summary>Whether a call is one.</summary>
    /// <param name="use">What it says of the cache, which of a warm-up must be to leave it alone: all others need not be looked at.</param>
    public static bool Is(HttpContext context, CacheUse use) => use == CacheUse.Bypass && context.Features.Get<WarmUpCall>() is not null;

    /// <summary>Lets it in without its being any tenant's, whose limits may be reached and are not for what gateways do among themselves; asked once.</summary>
    /// <returns>False where it is larger than a warm-up is, or there have been many: it is then let in as any.</returns>
    public bool TryPass() => bytes <= MostBytes && watchers.TryWarmUp();
}
