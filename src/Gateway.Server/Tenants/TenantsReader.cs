using Microsoft.Extensions.Configuration;

namespace Gateway.Server.Tenants;

/// <summary>Reads the settings of tenants.</summary>
internal static class TenantsReader
{
    /// <param name="problems">Given everything that is wrong, one line each.</param>
    /// <returns>Null when there is no such section.</returns>
    public static TenantsOptions? Read(IConfiguration configuration, List<string> problems)
    {
        IConfigurationSection section = configuration.GetSection(TenantsOptions.Section);
        if (!section.Exists()) return null;
        try
        {
            // A misspelt setting is never silently ignored.
            TenantsOptions options = new();
            section.Bind(options, static binder => binder.ErrorOnUnknownConfiguration = true);
            problems.AddRange(TenantsOptionsValidator.Validate(options));
            return options;
        }
        catch (InvalidOperationException error)
        {
            // The binder wraps what it found in what it was doing.
            InvalidOperationException innermost = error;
            while (innermost.InnerException is InvalidOperationException inner) innermost = inner;
            problems.Add($"{TenantsOptions.Section}: {innermost.Message.ReplaceLineEndings(" ")}");
            return null;
        }
    }
}
