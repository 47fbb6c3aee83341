using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Overflow;

/// <summary>A call that replicas may answer if this gateway will not: whoever serves it here tells it of a refusal, instead of the client.</summary>
/// <remarks>It is a feature of the call's context, from before it is served until it is answered. <b>Threading</b>: one at a time.</remarks>
/// <param name="arrival">When it came: a timestamp of the engine's clock. Its time counts from then, however often it is served.</param>
public sealed class OverflowCall(long arrival)
{
    private Tenant? _tenant;

    /// <summary>Why it was refused here; None while it has not been.</summary>
    public RefusalReason Refusal { get; private set; }

    /// <summary>When another attempt here makes sense; null where nothing is known about that.</summary>
    public TimeSpan? RetryAfter { get; private set; }

    /// <summary>For the client.</summary>
    public string Text { get; private set; } = "";

    /// <summary>The time that the request itself gives from its arrival, in microseconds, once it has been read; 0 for none.</summary>
    public long TimeoutMicroseconds { get; private set; }

    /// <summary>Rows of a request that was refused here once it had been read; 0 of others.</summary>
    public int Rows { get; private set; }

    /// <summary>Whether it is only to be looked for in the cache here (<see cref="Core.Requests.InferenceRequest.MayBeKeptElsewhere"/>).</summary>
    public bool MayBeKeptElsewhere { get; set; }

    /// <summary>Of one that the cache here has not got the answer of: its place among those who keep them; null for others.</summary>
    public ulong? Place { get; private set; }

    /// <summary>Whether its tenant has let it in already.</summary>
    public bool HasEntered { get; private set; }

    /// <summary>The overflow of a call; null where there is none.</summary>
    public static OverflowCall? Of(HttpContext context) => context.Features.Get<OverflowCall>();

    /// <summary>When a call came: a timestamp; now, of one that is served for the first time.</summary>
    public static long ArrivalOf(HttpContext context, TimeProvider time) => Of(context) is { } call ? call.Arrival : time.GetTimestamp();

    /// <summary>Ticks that have passed since a call came; 0 of one that is served for the first time.</summary>
    public static long WaitedOf(HttpContext context, TimeProvider time) => Of(context) is { } call ? time.GetTimestamp() - call.Arrival : 0;

    private long Arrival { get; } = arrival;

    /// <summary>Takes over the refusal of a call that has not been read, and its tenant.</summary>
    /// <returns>False where there is no overflow: the client and the tenant are to be told.</returns>
    public static bool TakesOver(HttpContext context, in EarlyRefusal refusal, Tenant? tenant)
    {
        if (Of(context) is not { } call) return false;
        (call.Refusal, call.RetryAfter, call.Text) = (refusal.Reason, refusal.RetryAfter, refusal.Text.For(""));
        call.Enter(tenant);
        return true;
    }

    /// <summary>Takes over a request that was refused here, or that the cache here has not got the answer of, and its tenant.</summary>
    /// <returns>False for all others, and where there is no overflow.</returns>
    public static bool TakesOver(HttpContext context, InferenceRequest request)
    {
        if (!request.IsGivenBack || Of(context) is not { } call) return false;
        call.Place = request.Place;
        (call.Refusal, call.RetryAfter, call.Text) = (request.Refusal.Reason, request.RetryAfter, request.Error ?? "");
        (call.TimeoutMicroseconds, call.Rows) = (request.TimeoutMicroseconds, request.Rows);

        // Its tenant has let it in once, and has it in flight wherever it is served next.
        call.Enter(request.TakeTenant());
        return true;
    }

    /// <summary>It is served once more.</summary>
    internal void Again(bool mayBeKeptElsewhere)
    {
        MayBeKeptElsewhere = mayBeKeptElsewhere;
        Place = null;
        Refusal = RefusalReason.None;
        TimeoutMicroseconds = 0;
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
