namespace Gateway.Core.Tenants;

/// <summary>What becomes of requests whose tenant is not configured, or that name none.</summary>
public enum UnknownTenants
{
    /// <summary>They are the default tenant's, all together.</summary>
    Share,

    /// <summary>Each name that is not configured is a tenant of its own with the default's limits, up to a bound; the names beyond it share one. What names none is the default tenant's.</summary>
    Separate,

    /// <summary>They are refused.</summary>
    Refuse,
}
