using System.Text;

namespace Gateway.Load.Tuning;

/// <summary>Changes top-level fields of a config.pbtxt and leaves everything else as it stands, comments included.</summary>
internal static class ConfigText
{
    /// <summary>Takes fields out.</summary>
    /// <param name="isWanted">Given a field's name and its whole text; false takes it out.</param>
    /// <exception cref="FormatException">Braces or quotes do not end.</exception>
    public static string Keep(string config, Func<string, string, bool> isWanted)
    {
        StringBuilder kept = new();
        int at = 0;
        while (at < config.Length)
        {
            int start = at;
            at = SkipSpace(config, at);
            kept.Append(config, start, at - start);
            if (at == config.Length) break;
            int field = at;
            while (at < config.Length && (char.IsLetterOrDigit(config[at]) || config[at] == '_')) at++;
            string name = config[field..at];
            if (name.Length == 0) throw new FormatException($"config.pbtxt: '{config[field]}' where a field should begin");
            at = EndOfValue(config, at);
            if (isWanted(name, config[field..at])) kept.Append(config, field, at - field);
        }

        return kept.ToString();
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
