using System.Globalization;
using Microsoft.Extensions.Configuration;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Server.Proxy.Configuration;

/// <summary>Reads what the proxy is to do: sections <c>ReverseProxy</c>, in YARP's own words, and <c>Gateway:Proxy</c>, <c>RateLimits</c>, <c>Resilience</c> and <c>Dns</c>.</summary>
/// <remarks>
/// <b>Behaviour</b>: of <c>appsettings.json</c>, the proxy's own file and the environment, later ones win, value by value. Files are read anew each time and whole: a
/// file that is half written is refused, not half believed. A key that nobody knows is a problem. <b>Threading</b>: any.
/// </remarks>
internal static class ProxySettingsReader
{
    /// <summary>The proxy's sections within <c>Gateway</c>.</summary>
    public static readonly string[] Sections = ["Proxy", "RateLimits", "Resilience", "Dns"];

    private const string Root = "ReverseProxy";

    /// <summary>Files that hold settings of the proxy.</summary>
    /// <param name="folder">Where <c>appsettings.json</c> is, if there is one.</param>
    /// <param name="proxyConfig">The file of <c>--proxy-config</c>; null for none.</param>
    public static IReadOnlyList<string> Files(string folder, string? proxyConfig)
    {
        string settings = Path.GetFullPath(Path.Combine(folder, "appsettings.json"));
        return proxyConfig is null ? [settings] : [settings, Path.GetFullPath(proxyConfig)];
    }

    /// <param name="files">The first need not be there; sections of others in it are none of the proxy's business. The second must, and has the proxy's sections alone.</param>
    /// <param name="asksForToken">Whether the server has an access token.</param>
    /// <param name="problems">Given everything that is wrong, one line each.</param>
    /// <returns>Null when there is neither a section <c>ReverseProxy</c> nor a second file; of use when there are no problems.</returns>
    public static ProxySettings? Read(IReadOnlyList<string> files, bool asksForToken, List<string> problems)
    {
        ConfigurationBuilder builder = new();
        for (int i = 0; i < files.Count; i++)
        {
            if (ReadFile(files[i], mustExist: i > 0, problems) is not { } file) continue;
            if (i > 0) CheckSections(file, files[i], problems);
            builder.AddInMemoryCollection(Normalized(file));
        }

        builder.AddInMemoryCollection(Normalized(new ConfigurationBuilder().AddEnvironmentVariables().Build()));
        IConfigurationRoot configuration = builder.Build();
        if (files.Count == 1 && !configuration.GetSection(Root).Exists()) return null;
        ProxySettings settings = Bind(configuration, files, problems);
        foreach (ClusterConfig cluster in settings.Clusters) ClusterRules.Check(cluster, problems);
        return settings with { Routes = [.. settings.Routes.Select(route => RouteRules.Complete(route, settings, asksForToken, problems))] };
    }

    private static ProxySettings Bind(IConfigurationRoot configuration, IReadOnlyList<string> files, List<string> problems)
    {
        foreach (IConfigurationSection section in configuration.GetSection(Root).GetChildren())
        {
            if (!Is(section, "Routes") && !Is(section, "Clusters")) problems.Add($"{section.Path}: unknown (allowed Routes, Clusters)");
        }

        ProxySettings settings = new(
            files,
            [.. Each<RouteConfig>(configuration, $"{Root}:Routes", problems).Select(each => each.Value with { RouteId = each.Key })],
            [.. Each<ClusterConfig>(configuration, $"{Root}:Clusters", problems).Select(each => each.Value with { ClusterId = each.Key })],
            One<ProxyOptions>(configuration.GetSection("Gateway:Proxy"), problems),
            Each<RateLimitOptions>(configuration, "Gateway:RateLimits", problems),
            Each<ResilienceOptions>(configuration, "Gateway:Resilience", problems),
            One<DnsOptions>(configuration.GetSection("Gateway:Dns"), problems));
        OptionsRules.Check(settings.Options, problems);
        OptionsRules.Check(settings.Dns, problems);
        foreach ((string name, RateLimitOptions limit) in settings.RateLimits) OptionsRules.Check(name, limit, problems);
        foreach ((string cluster, ResilienceOptions options) in settings.Resilience)
        {
            OptionsRules.Check(cluster, options, problems);
            if (!settings.Clusters.Any(each => each.ClusterId.Equals(cluster, StringComparison.OrdinalIgnoreCase))) problems.Add($"Gateway:Resilience:{cluster}: there is no such cluster");
        }

        return settings;
    }

    private static IConfigurationRoot? ReadFile(string path, bool mustExist, List<string> problems)
    {
        try
        {
            if (!mustExist && !File.Exists(path)) return null;
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            return new ConfigurationBuilder().AddJsonStream(stream).Build();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or FormatException or System.Text.Json.JsonException or InvalidDataException)
        {
            problems.Add($"{path}: {(error.InnerException ?? error).Message.ReplaceLineEndings(" ")}");
            return null;
        }
    }

    private static void CheckSections(IConfigurationRoot file, string path, List<string> problems)
    {
        foreach (IConfigurationSection section in file.GetChildren().Where(section => !Is(section, Root)))
        {
            if (!Is(section, "Gateway"))
            {
                problems.Add($"{path}: {section.Path}: unknown (allowed {Root}, Gateway)");
                continue;
            }

            foreach (IConfigurationSection child in section.GetChildren().Where(child => !Sections.Contains(child.Key, StringComparer.OrdinalIgnoreCase)))
            {
                problems.Add($"{path}: {child.Path}: does not belong here (allowed {string.Join(", ", Sections)}; other settings: appsettings.json)");
            }
        }
    }

    /// <summary>YARP writes two values in its own way: a list of TLS versions, and HTTP versions without a point.</summary>
    private static Dictionary<string, string?> Normalized(IConfigurationRoot configuration)
    {
        const string Protocols = ":HttpClient:SslProtocols:";
        Dictionary<string, string?> values = new(StringComparer.OrdinalIgnoreCase);
        foreach ((string key, string? value) in configuration.AsEnumerable().OrderBy(each => each.Key, StringComparer.OrdinalIgnoreCase))
        {
            int list = key.IndexOf(Protocols, StringComparison.OrdinalIgnoreCase);
            if (list >= 0)
            {
                string whole = key[..(list + Protocols.Length - 1)];
                values[whole] = values.GetValueOrDefault(whole) is { } before ? $"{before}, {value}" : value;
            }
            else if (value is not null && key.EndsWith(":HttpRequest:Version", StringComparison.OrdinalIgnoreCase) && !value.Contains('.', StringComparison.Ordinal))
            {
                values[key] = value + ".0";
            }
            else
            {
                values[key] = value;
            }
        }

        // An empty object and nothing at all are the same to a configuration; these two say by being there that they are wanted, with their defaults.
        foreach (string empty in values.Keys.Where(key => key.StartsWith("Gateway:Resilience:", StringComparison.OrdinalIgnoreCase) && !values.Keys.Any(other => other.StartsWith(key + ":", StringComparison.OrdinalIgnoreCase))).ToArray())
        {
            if (empty.EndsWith(":Retry", StringComparison.OrdinalIgnoreCase)) values[empty + ":MaxRetries"] = new RetryOptions().MaxRetries.ToString(CultureInfo.InvariantCulture);
            if (empty.EndsWith(":CircuitBreaker", StringComparison.OrdinalIgnoreCase)) values[empty + ":FailureRatio"] = new CircuitOptions().FailureRatio.ToString(CultureInfo.InvariantCulture);
        }

        return values;
    }

    private static Dictionary<string, T> Each<T>(IConfigurationRoot configuration, string path, List<string> problems)
        where T : class, new()
    {
        Dictionary<string, T> all = new(StringComparer.OrdinalIgnoreCase);
        foreach (IConfigurationSection section in configuration.GetSection(path).GetChildren()) all[section.Key] = One<T>(section, problems);
        return all;
    }

    private static T One<T>(IConfigurationSection section, List<string> problems)
        where T : class, new()
    {
        try
        {
            return section.Get<T>(static binder => binder.ErrorOnUnknownConfiguration = true) ?? new T();
        }
        catch (InvalidOperationException error)
        {
            // The binder wraps what it found in what it was doing.
            InvalidOperationException innermost = error;
            while (innermost.InnerException is InvalidOperationException inner) innermost = inner;
            problems.Add($"{section.Path}: {innermost.Message.ReplaceLineEndings(" ")}");
            return new T();
        }
    }

    private static bool Is(IConfigurationSection section, string name) => section.Key.Equals(name, StringComparison.OrdinalIgnoreCase);
}
