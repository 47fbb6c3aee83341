using Gateway.Core.Tenants;

namespace Gateway.Server.Tenants;

/// <summary>Settings of all tenants: section <c>Gateway:Tenants</c> of the configuration. Without the section requests have no tenants.</summary>
public sealed class TenantsOptions
{
    public const string Section = "Gateway:Tenants";

    /// <summary>
    /// Whether the names that clients say are believed (the header <c>Inference-Tenant</c>, the field <c>tenant</c> of frames): for servers that only a gateway or a proxy
    /// reaches which sets them. Off by default, and they are ignored then. An API key goes before a name.
    /// </summary>
    public bool TrustNames { get; set; }

    /// <summary>What becomes of requests of names that are not configured, and of requests without a name.</summary>
    public UnknownTenants Unknown { get; set; } = UnknownTenants.Share;

    /// <summary>Tenants that are told apart beside those configured, with <see cref="UnknownTenants.Separate"/>: 1 to 65,536. What comes beyond shares one tenant.</summary>
    public int MaxTracked { get; set; } = TenantDirectory.DefaultMostTracked;

    /// <summary>The default tenant, whose settings are also those of each tenant that is not configured and told apart.</summary>
    public TenantOptions Default { get; set; } = new();

    /// <summary>Tenants by name: 1 to 128 visible ASCII characters but colons.</summary>
    public IDictionary<string, TenantOptions> Named { get; } = new Dictionary<string, TenantOptions>(StringComparer.Ordinal);

    /// <summary>The tenants as the engine knows them; the settings must be valid.</summary>
    public TenantDirectory ToDirectory(TimeProvider time) =>
        new(Named.Select(each => new TenantSetup(each.Key, Limits(each.Value), [.. each.Value.ApiKeys.Select(ApiKeyText.HashOf)])), Limits(Default), Unknown, MaxTracked, time);

    private static TenantLimits Limits(TenantOptions options) => new()
    {
        Weight = options.Weight,
        MaxConcurrency = options.MaxConcurrency,
        RequestsPerSecond = options.MaxRequestsPerSecond,
        RequestBurst = options.RequestBurst,
        RowsPerSecond = options.MaxRowsPerSecond,
        RowBurst = options.RowBurst,
    };
}
