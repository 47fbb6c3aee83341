namespace Gateway.Core.Tenants;

/// <summary>A configured tenant.</summary>
/// <param name="KeyHashes">SHA-256 of each of its API keys.</param>
public sealed record TenantSetup(string Name, TenantLimits Limits, IReadOnlyList<byte[]> KeyHashes);
