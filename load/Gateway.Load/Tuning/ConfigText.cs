using System.Globalization;
using System.Text;

namespace Gateway.Load.Tuning;

/// <summary>Changes fields of a config.pbtxt and leaves everything else as it stands, comments included.</summary>
internal static class ConfigText
{
    /// <summary>Goes through the fields of a message, in order.</summary>
    /// <param name="edit">Given a field's name and its whole text; returns what is to stand there.</param>
    /// <exception cref="FormatException">Braces or quotes do not end.</exception>
    public static string Edit(string config, Func<string, string, string> edit)
    {
        StringBuilder edited = new();
        int at = 0;
        while (at < config.Length)
        {
            int start = at;
            at = SkipSpace(config, at);
            edited.Append(config, start, at - start);
            if (at == config.Length) break;
            int field = at;
            while (at < config.Length && (char.IsLetterOrDigit(config[at]) || config[at] == '_')) at++;
            string name = config[field..at];
            if (name.Length == 0) throw new FormatException($"config.pbtxt: '{config[field]}' where a field should begin");
            at = EndOfValue(config, at);
            edited.Append(edit(name, config[field..at]));
        }

        return edited.ToString();
    }

    /// <summary>Sets a field of each message that a field holds, and leaves the rest of them as they stand.</summary>
    /// <param name="text">The field that holds the messages: its name and all of its value.</param>
    /// <param name="count">How many there were.</param>
    /// <exception cref="FormatException">Braces or quotes do not end.</exception>
    public static string Set(string text, string field, int value, out int count)
    {
        StringBuilder edited = new();
        count = 0;
        int at = 0;
        while (true)
        {
            int open = at;
            while (open < text.Length && text[open] is not ('{' or '<')) open = text[open] == '#' ? EndOfLine(text, open) : open + 1;
            if (open == text.Length) return edited.Append(text, at, text.Length - at).ToString();
            int end = EndOfValue(text, open);
            edited.Append(text, at, open + 1 - at).Append(SetWithin(text[(open + 1)..(end - 1)], field, value)).Append(text[end - 1]);
            count++;
            at = end;
        }
    }

    private static string SetWithin(string message, string field, int value)
    {
        string set = string.Create(CultureInfo.InvariantCulture, $"{field}: {value}");
        bool isThere = false;
        string inner = Edit(message, (name, whole) =>
        {
            if (name != field) return whole;
            string instead = isThere ? "" : set;
            isThere = true;
            return instead;
        });
        if (isThere) return inner;
        return inner.Contains('\n') ? $"\n  {set}{inner}" : $" {set}{(inner.Trim().Length == 0 ? " " : inner)}";
    }

    private static int SkipSpace(string text, int at)
    {
        while (at < text.Length)
        {
            if (text[at] == '#') at = EndOfLine(text, at);
            else if (char.IsWhiteSpace(text[at]) || text[at] is ',' or ';') at++;
            else break;
        }

        return at;
    }

    /// <summary>After a name: a colon and a scalar, or a message or list in brackets, with or without one.</summary>
    private static int EndOfValue(string text, int at)
    {
        int depth = 0;
        bool hasValue = false;
        while (at < text.Length)
        {
            char c = text[at];
            if (c is '"' or '\'')
            {
                at = EndOfString(text, at);
                hasValue = true;
                if (depth == 0) return at;
                continue;
            }

            if (c == '#')
            {
                at = EndOfLine(text, at);
                continue;
            }

            if (c is '{' or '[' or '<') depth++;
            else if (c is '}' or ']' or '>')
            {
                if (--depth == 0) return at + 1;
            }
            else if (depth == 0 && hasValue && (char.IsWhiteSpace(c) || c is ',' or ';')) return at;
            else if (c != ':' && !char.IsWhiteSpace(c)) hasValue = true;
            if (depth < 0) throw new FormatException("config.pbtxt: a bracket ends that did not begin");
            at++;
        }

        return depth == 0 ? at : throw new FormatException("config.pbtxt: a bracket does not end");
    }

    private static int EndOfString(string text, int at)
    {
        char quote = text[at++];
        for (; at < text.Length && text[at] != quote; at++)
        {
            if (text[at] == '\\') at++;
        }

        return at < text.Length ? at + 1 : throw new FormatException("config.pbtxt: a string does not end");
    }

    private static int EndOfLine(string text, int at)
    {
        int end = text.IndexOf('\n', at);
        return end < 0 ? text.Length : end;
    }
}
