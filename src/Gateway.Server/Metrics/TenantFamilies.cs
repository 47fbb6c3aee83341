using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;

namespace Gateway.Server.Metrics;

/// <summary>What each tenant asks for, gets and is refused. The label has no more values than there are tenants tracked, whatever names clients say.</summary>
internal static class TenantFamilies
{
    public static void Write(PrometheusWriter writer, TenantDirectory directory)
    {
        if (!directory.IsOn) return;
        (string Name, TenantCounts Counts)[] tenants = [.. directory.All.Select(tenant => (tenant.Name, tenant.Snapshot()))];
        Each(writer, tenants, "gateway_tenant_requests_total", "counter", "Requests of a tenant, those that were not let in included.", static counts => counts.Requests);
        WriteRefused(writer, tenants);
        Each(writer, tenants, "gateway_tenant_rows_total", "counter", "Rows of a tenant that were answered with a result.", static counts => counts.Rows);
        Each(writer, tenants, "gateway_tenant_in_flight_requests", "gauge", "Requests of a tenant that were let in and are not answered yet.", static counts => counts.InFlight);
    }

    private static void Each(PrometheusWriter writer, (string Name, TenantCounts Counts)[] tenants, string name, string type, string help, Func<TenantCounts, long> value)
    {
        writer.Family(name, type, help);
        foreach ((string tenant, TenantCounts counts) in tenants) writer.Sample(name, value(counts), ("tenant", tenant));
    }

    private static void WriteRefused(PrometheusWriter writer, (string Name, TenantCounts Counts)[] tenants)
    {
        const string Name = "gateway_tenant_refused_requests_total";
        writer.Family(Name, "counter", "Requests of a tenant that were refused, by why: tenant_… for limits of its own, the others for what neither this machine nor a replica could do.");
        foreach ((string tenant, TenantCounts counts) in tenants)
        {
            for (int reason = 1; reason < RefusalReasons.Count; reason++)
            {
                writer.Sample(Name, counts.Refused[reason], ("reason", ((RefusalReason)reason).WireName()!), ("tenant", tenant));
            }
        }
    }
}
