using Gateway.Core.Scheduling;
using Gateway.Protocol;

namespace Gateway.Core.Tenants;

/// <summary>Why a tenant's request is not let in: it exceeds a limit of the tenant's own, whatever the machine could do.</summary>
/// <param name="Text">For the client.</param>
/// <param name="RetryAfter">When another attempt makes sense; null where nothing is known about that.</param>
public readonly record struct TenantRefusal(RefusalReason Reason, string Text, TimeSpan? RetryAfter)
{
    /// <summary>The same as an exception, for endpoints that answer those.</summary>
    public InferenceException ToException() => new(StatusCode.ResourceExhausted, Text) { RetryAfter = RetryAfter, Refusal = Reason.WireName() };
}
