namespace Gateway.Core.Scheduling;

/// <summary>Why a request is refused. Those that begin with Tenant are for limits of the tenant's own, and come before a model is asked.</summary>
public enum RefusalReason
{
    None,

    /// <summary>As many requests, or bytes, wait as may.</summary>
    QueueFull,

    /// <summary>Even if it were next, it would be finished after its deadline.</summary>
    DeadlineUnreachable,

    /// <summary>What is served before it would not leave enough time.</summary>
    DeadlineBehindQueue,

    /// <summary>It waits, and others that can be served better leave it no time.</summary>
    DeadlineSkipped,

    /// <summary>Its tenant has sent as many requests as it may in that time.</summary>
    TenantRequests,

    /// <summary>Its tenant has sent as many rows as it may in that time.</summary>
    TenantRows,

    /// <summary>Its tenant has as many requests in flight as it may.</summary>
    TenantConcurrency,
}
