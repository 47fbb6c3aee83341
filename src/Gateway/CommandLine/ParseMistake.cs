using System.CommandLine;
using System.CommandLine.Parsing;
using Gateway.Server.Hosting;

namespace Gateway.CommandLine;

/// <summary>Says in one line what is wrong with a command line.</summary>
internal static class ParseMistake
{
    public static string Describe(ParseResult result, IEnumerable<Setting> settings)
    {
        string? unknown = result.UnmatchedTokens is [string first, ..] ? first : null;
        if (unknown is null)
        {
            return result.Errors[0].SymbolResult is OptionResult lacking ? $"{lacking.Option.Name}: a value is missing" : result.Errors[0].Message;
        }

        string name = unknown.Split('=', 2)[0];
        if (!name.StartsWith('-')) return $"unknown command '{unknown}' (there are serve, check, compile, precompute and features load)";
        string? near = settings.Select(setting => setting.Flag).MinBy(flag => Distance(flag, name));
        string hint = near is not null && Distance(near, name) <= 3 ? $"did you mean {near}?" : "see gateway --help";
        return $"unknown flag '{name}' ({hint})";
    }

    /// <summary>Letters to add, drop or change to make one word of the other.</summary>
    private static int Distance(string one, string other)
    {
        int[] row = [.. Enumerable.Range(0, other.Length + 1)];
        for (int i = 1; i <= one.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= other.Length; j++)
            {
                int changed = diagonal + (one[i - 1] == other[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(changed, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[^1];
    }
}
