using Gateway.Core.Tenants;

namespace Gateway.TestSupport;

/// <summary>Makes tenants by weight.</summary>
public static class TestTenants
{
    /// <summary>Tenants t0, t1, … of these weights, without limits.</summary>
    public static Tenant[] OfWeights(params double[] weights) => [.. Directory(weights).All.Skip(1)];

    /// <summary>A directory that knows them, beside the default tenant.</summary>
    public static TenantDirectory Directory(params double[] weights) =>
        new(weights.Select((weight, i) => new TenantSetup($"t{i}", new TenantLimits { Weight = weight }, [])), new TenantLimits(), UnknownTenants.Share, TenantDirectory.DefaultMostTracked, TimeProvider.System);
}
