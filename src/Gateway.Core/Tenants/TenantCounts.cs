using Gateway.Core.Scheduling;

namespace Gateway.Core.Tenants;

/// <summary>A tenant's counters, as they are at one moment or nearly so.</summary>
/// <param name="Requests">All that came, those that were not let in included.</param>
/// <param name="Rows">Rows answered with a result.</param>
/// <param name="InFlight">Requests let in and not answered yet.</param>
/// <param name="Refused">By <see cref="RefusalReason"/>; those for limits of the tenant's own among them.</param>
public sealed record TenantCounts(long Requests, long Rows, int InFlight, IReadOnlyList<long> Refused);
