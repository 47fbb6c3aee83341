using Gateway.Core.Requests;
using Gateway.Core.Tenants;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Overflow;

/// <summary>A call that replicas may answer if this gateway will not: whoever serves it here tells it of a refusal, instead of the client.</summary>
/// <remarks>It is a feature of the call's context, from before it is served until it is answered. <b>Threading</b>: one at a time.</remarks>
public sealed class OverflowCall
{
    private Tenant? _tenant;

    /// <summary>Why it was refused here, as on the wire; null while it has not been.</summary>
    public string? Refusal { get; private set; }

    /// <summary>When another attempt here makes sense; null where nothing is known about that.</summary>
    public TimeSpan? RetryAfter { get; private set; }

    /// <summary>For the client.</summary>
    public string Text { get; private set; } = "";

    /// <summary>The time that the request itself gives, in microseconds, once it has been read; 0 for none.</summary>
    public long TimeoutMicroseconds { get; set; }

    /// <summary>Whether it is only to be looked for in the cache here (<see cref="Core.Requests.InferenceRequest.MayBeKeptElsewhere"/>).</summary>
    public bool MayBeKeptElsewhere { get; set; }

    /// <summary>Of one that the cache here has not got the answer of: its place among those who keep them; null for others.</summary>
    public ulong? Place { get; private set; }

    /// <summary>Whether its tenant has let it in already.</summary>
    public bool HasEntered { get; private set; }

    /// <summary>The overflow of a call; null where there is none.</summary>
    public static OverflowCall? Of(HttpContext context) => context.Features.Get<OverflowCall>();

    /// <summary>Takes a refusal over.</summary>
    /// <returns>False where there is no overflow: the client is to be told.</returns>
    public static bool TakesOver(HttpContext context, string? refusal, TimeSpan? retryAfter, string text, long timeoutMicroseconds = 0)
    {
        if (refusal is null || Of(context) is not { } call) return false;
        call.Refusal = refusal;
        call.RetryAfter = retryAfter;
        call.Text = text;
        call.TimeoutMicroseconds = timeoutMicroseconds;
        return true;
    }

    /// <summary>Takes over a request that the cache here has not got the answer of.</summary>
    /// <returns>False for all others.</returns>
    public static bool TakesAway(HttpContext context, InferenceRequest request)
    {
        if (request.Place is null || Of(context) is not { } call) return false;
        call.Place = request.Place;

        // Its tenant has let it in once, and has it in flight wherever it is served next.
        call.Enter(request.TakeTenant());
        return true;
    }

    /// <summary>It is served once more.</summary>
    internal void Again(bool mayBeKeptElsewhere)
    {
        MayBeKeptElsewhere = mayBeKeptElsewhere;
        Place = null;
        Refusal = null;
    }

    /// <summary>Its tenant has let it in; nobody's where there are no tenants.</summary>
    internal void Enter(Tenant? tenant)
    {
        HasEntered = true;
        _tenant = tenant;
    }

    /// <summary>Gives the tenant to who serves the call, which is to tell it when it leaves.</summary>
    internal Tenant? TakeTenant()
    {
        Tenant? tenant = _tenant;
        _tenant = null;
        HasEntered = false;
        return tenant;
    }
}
