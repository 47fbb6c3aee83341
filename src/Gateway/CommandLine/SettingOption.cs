using System.CommandLine;
using Gateway.Server.Hosting;

namespace Gateway.CommandLine;

/// <summary>Makes a setting's flag, and what <c>--help</c> says about it.</summary>
internal static class SettingOption
{
    /// <remarks>The value stays text: what it may be is the setting's own business, whichever source it comes from.</remarks>
    public static Option<string[]> Create(Setting setting) => new(setting.Flag)
    {
        Description = Describe(setting),
        HelpName = setting.Placeholder,
        Arity = setting.IsSwitch ? ArgumentArity.ZeroOrMore : ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
        Recursive = true,
    };

    private static string Describe(Setting setting)
    {
        string standard = setting.Default.Length > 0 ? $" Default: {setting.Default}." : "";
        return $"{setting.Description}{standard} Setting: {setting.Key}";
    }
}
