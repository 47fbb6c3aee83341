using System.Buffers;
using Gateway.Load.Scenarios;

namespace Gateway.Load.CommandLine;

/// <summary>A command as it could be given again, but for what gives access: reports are shown to others.</summary>
internal static class CommandText
{
    private const string Hidden = "***";

    // What a shell would take for something else.
    private static readonly SearchValues<char> Quoted = SearchValues.Create(" <>\"'&|;$*?()`\\#");

    // A header with one of these in its name gives access, whatever else it is called: X-Api-Key, Proxy-Authorization, X-Auth-Token.
    private static readonly string[] SecretWords = ["auth", "cookie", "key", "token", "secret", "password"];

    public static string Of(IReadOnlyList<string> args)
    {
        List<string> words = ["gateway-load"];
        for (int i = 0; i < args.Count; i++)
        {
            string option = i > 0 ? args[i - 1] : "";
            words.Add(Quote(option == LoadOptions.Token.Name ? Hidden : option == LoadOptions.Header.Name ? WithoutSecret(args[i]) : QueryText.WithoutValues(Joined(args[i]))));
        }

        return string.Join(' ', words);
    }

    /// <summary>An option and its value as one word, with <c>=</c> or <c>:</c>; what is none is left as it is.</summary>
    private static string Joined(string word)
    {
        int end = word.AsSpan().IndexOfAny('=', ':');
        if (end < 0) return word;
        string option = word[..end];
        return option == LoadOptions.Token.Name ? $"{word[..(end + 1)]}{Hidden}"
            : option == LoadOptions.Header.Name ? $"{word[..(end + 1)]}{WithoutSecret(word[(end + 1)..])}"
            : word;
    }

    private static string WithoutSecret(string header)
    {
        int colon = header.IndexOf(':');
        return colon > 0 && SecretWords.Any(word => header.AsSpan(0, colon).Contains(word, StringComparison.OrdinalIgnoreCase)) ? $"{header[..colon]}: {Hidden}" : header;
    }

    private static string Quote(string word) => word.Length > 0 && !word.AsSpan().ContainsAny(Quoted) ? word : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
