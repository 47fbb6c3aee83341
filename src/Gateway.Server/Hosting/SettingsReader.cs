using Gateway.Server.Proxy.Configuration;
using Gateway.Server.Tenants;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.EnvironmentVariables;
using Microsoft.Extensions.Configuration.Json;

namespace Gateway.Server.Hosting;

/// <summary>Reads the settings from <c>appsettings.json</c>, the environment and the command line; later ones win.</summary>
/// <remarks>A list is taken whole from the last source that has it: entries of different sources do not mix.</remarks>
public static class SettingsReader
{
    /// <param name="folder">Where <c>appsettings.json</c> is, if there is one.</param>
    /// <param name="flags">What the command line gave, by <see cref="Setting"/>.</param>
    /// <param name="errors">Everything that is wrong, one line each; empty when the options are good.</param>
    public static ServerOptions Read(string folder, IReadOnlyDictionary<Setting, IReadOnlyList<string>> flags, out IReadOnlyList<string> errors)
    {
        try
        {
            ConfigurationBuilder builder = new();
            builder.SetBasePath(folder).AddJsonFile("appsettings.json", optional: true, reloadOnChange: false).AddEnvironmentVariables();
            ServerOptions options = Read(builder.Build(), flags, out errors);
            return errors.Count > 0 ? options : options with { Proxy = ReadProxy(folder, options, out errors) };
        }
        catch (InvalidDataException exception)
        {
            errors = [$"{Path.Combine(folder, "appsettings.json")}: {exception.InnerException?.Message ?? exception.Message}"];
            return new ServerOptions();
        }
    }

    internal static ServerOptions Read(IConfigurationRoot files, IReadOnlyDictionary<Setting, IReadOnlyList<string>> flags, out IReadOnlyList<string> errors)
    {
        ServerOptions options = new();
        List<string> problems = [];
        IConfigurationProvider[] providers = [.. files.Providers.Reverse()];
        foreach (IConfigurationProvider provider in providers) AddUnknown(provider, problems);
        foreach (Setting setting in Setting.All)
        {
            if (flags.TryGetValue(setting, out IReadOnlyList<string>? texts))
            {
                if (setting.TrySet(options, texts) is { } problem) problems.Add($"{setting.Flag}: {problem}");
                continue;
            }

            foreach (IConfigurationProvider provider in providers)
            {
                texts = Texts(provider, setting.Key);
                if (texts.Count == 0) continue;
                if (setting.TrySet(options, texts) is { } problem) problems.Add($"{NameIn(provider, setting.Name)}: {problem}");
                break;
            }
        }

        options = options with { Tenants = TenantsReader.Read(files, problems) };
        problems.AddRange(ServerOptionsValidator.Validate(options));
        errors = problems;
        return options;
    }

    private static ProxySettings? ReadProxy(string folder, ServerOptions options, out IReadOnlyList<string> errors)
    {
        List<string> problems = [];
        ProxySettings? settings = ProxySettingsReader.Read(ProxySettingsReader.Files(folder, options.ProxyConfig), options.AccessToken is not null, problems);
        if (options.OverflowCluster is { } cluster && settings?.Clusters.Any(each => each.ClusterId.Equals(cluster, StringComparison.OrdinalIgnoreCase)) != true)
        {
            problems.Add($"--overflow-cluster: the proxy's configuration has no cluster '{cluster}'");
        }

        if (settings is not null && problems.Count == 0) problems.AddRange(ProxyCheck.Problems(settings));
        errors = problems;
        return settings;
    }

    private static void AddUnknown(IConfigurationProvider provider, List<string> problems)
    {
        foreach (string name in provider.GetChildKeys([], Setting.Section).Distinct(StringComparer.OrdinalIgnoreCase))
        {
            if (name.Equals(nameof(ServerOptions.Tenants), StringComparison.OrdinalIgnoreCase) || ProxySettingsReader.Sections.Contains(name, StringComparer.OrdinalIgnoreCase)) continue;
            if (Setting.All.Any(setting => setting.Name.Equals(name, StringComparison.OrdinalIgnoreCase))) continue;
            problems.Add($"{NameIn(provider, name)}: unknown setting (see gateway --help)");
        }
    }

    /// <summary>One text, or the entries of a list.</summary>
    private static List<string> Texts(IConfigurationProvider provider, string key)
    {
        List<string> texts = [];
        if (provider.TryGet(key, out string? text) && !string.IsNullOrEmpty(text)) texts.Add(text);
        foreach (string child in provider.GetChildKeys([], key))
        {
            // A section where a value should be has no text: its name in the message says enough.
            texts.Add(provider.TryGet($"{key}:{child}", out text) && text is not null ? text : child);
        }

        return texts;
    }

    private static string NameIn(IConfigurationProvider provider, string name) => provider switch
    {
        EnvironmentVariablesConfigurationProvider => $"{Setting.Section}__{name}".ToUpperInvariant(),
        JsonConfigurationProvider => $"appsettings.json: {Setting.Section}:{name}",
        _ => $"{Setting.Section}:{name}",
    };
}
