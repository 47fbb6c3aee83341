using System.Globalization;
using Gateway.Core.Tenants;

namespace Gateway.Server.Tenants;

/// <summary>Finds all that is wrong with the settings of tenants. No message shows a key.</summary>
internal static class TenantsOptionsValidator
{
    private const double MostRequestsPerSecond = 1e6;
    private const double MostRowsPerSecond = 1e9;
    private const int MostTracked = 65_536;

    /// <returns>One line for each problem, beginning with the path of the setting.</returns>
    public static IEnumerable<string> Validate(TenantsOptions options)
    {
        if (options.MaxTracked is < 1 or > MostTracked) yield return Problem("MaxTracked", options.MaxTracked, $"1 to {MostTracked}");
        if (!Enum.IsDefined(options.Unknown)) yield return Problem("Unknown", options.Unknown, string.Join(", ", Enum.GetNames<UnknownTenants>()));
        if (options.Unknown == UnknownTenants.Refuse && options.Named.Count == 0) yield return $"{TenantsOptions.Section}:Unknown: Refuse would refuse everybody: no tenant is configured (see Named)";
        if (options.Default.ApiKeys.Count > 0) yield return $"{TenantsOptions.Section}:Default:ApiKeys: the default tenant is for requests without a key (give the key to a tenant in Named)";
        foreach (string problem in Validate("Default", options.Default)) yield return problem;
        Dictionary<string, string> keys = new(StringComparer.Ordinal);
        foreach ((string name, TenantOptions tenant) in options.Named)
        {
            string path = $"Named:{name}";
            if (!TenantName.IsValid(name)) yield return $"{TenantsOptions.Section}:{path}: is no name (allowed {TenantName.Rule})";
            if (name is TenantDirectory.DefaultName or TenantDirectory.OthersName) yield return $"{TenantsOptions.Section}:{path}: the name has a meaning of its own (see {TenantsOptions.Section}:Default)";
            if (!options.TrustNames && tenant.ApiKeys.Count == 0) yield return $"{TenantsOptions.Section}:{path}: no request could be its own: it has no ApiKeys, and TrustNames is off";
            foreach (string problem in Validate(path, tenant)) yield return problem;
            for (int i = 0; i < tenant.ApiKeys.Count; i++)
            {
                string keyPath = $"{path}:ApiKeys:{i.ToString(CultureInfo.InvariantCulture)}";
                if (!ApiKeyText.IsValid(tenant.ApiKeys[i])) yield return $"{TenantsOptions.Section}:{keyPath}: is no key (allowed {ApiKeyText.Rule})";
                else if (!keys.TryAdd(Convert.ToHexString(ApiKeyText.HashOf(tenant.ApiKeys[i])), keyPath)) yield return $"{TenantsOptions.Section}:{keyPath}: is the key of {keys[Convert.ToHexString(ApiKeyText.HashOf(tenant.ApiKeys[i]))]} too";
            }
        }
    }

    private static IEnumerable<string> Validate(string path, TenantOptions tenant)
    {
        if (!(tenant.Weight is >= TenantLimits.LeastWeight and <= TenantLimits.MostWeight)) yield return Problem($"{path}:Weight", tenant.Weight, $"{TenantLimits.LeastWeight} to {TenantLimits.MostWeight}");
        if (tenant.MaxConcurrency < 1) yield return Problem($"{path}:MaxConcurrency", tenant.MaxConcurrency, "1 or more");
        if (tenant.MaxRequestsPerSecond is { } requests && !(requests is > 0 and <= MostRequestsPerSecond)) yield return Problem($"{path}:MaxRequestsPerSecond", requests, $"above 0, at most {MostRequestsPerSecond}");
        if (tenant.MaxRowsPerSecond is { } rows && !(rows is > 0 and <= MostRowsPerSecond)) yield return Problem($"{path}:MaxRowsPerSecond", rows, $"above 0, at most {MostRowsPerSecond}");
        foreach (string problem in ValidateBurst($"{path}:RequestBurst", tenant.RequestBurst, tenant.MaxRequestsPerSecond, "MaxRequestsPerSecond")) yield return problem;
        foreach (string problem in ValidateBurst($"{path}:RowBurst", tenant.RowBurst, tenant.MaxRowsPerSecond, "MaxRowsPerSecond")) yield return problem;
    }

    private static IEnumerable<string> ValidateBurst(string path, double? burst, double? rate, string rateName)
    {
        if (burst is not { } tokens) yield break;
        if (rate is null) yield return $"{TenantsOptions.Section}:{path}: there is no rate that it belongs to (see {rateName})";
        else if (!(tokens is >= 1 and <= MostRowsPerSecond)) yield return Problem(path, tokens, $"1 to {MostRowsPerSecond}");
    }

    private static string Problem(string path, object? value, string allowed) =>
        string.Create(CultureInfo.InvariantCulture, $"{TenantsOptions.Section}:{path}: {value} is not valid (allowed {allowed})");
}
