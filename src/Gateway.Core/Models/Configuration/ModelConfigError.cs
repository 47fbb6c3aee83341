namespace Gateway.Core.Models.Configuration;

/// <summary>One thing wrong with a configuration.</summary>
/// <param name="Source">The file, or what stands for it.</param>
/// <param name="Line">Line, from 1; 0 when the error is about no particular place.</param>
/// <param name="Column">Column, from 1 (characters in text, bytes in JSON; a tab is one); 0 with line 0.</param>
/// <param name="Path">The setting, such as <c>input[0].dims</c>; JSON paths start with <c>$</c>; may be empty.</param>
/// <param name="Message">What is wrong, naming the offending thing.</param>
public sealed record ModelConfigError(string Source, int Line, int Column, string Path, string Message)
{
    /// <summary>The error on one line, as compilers write it.</summary>
    public override string ToString()
    {
        string place = Line > 0 ? $"{Source}:{Line}:{Column}" : Source;
        return Path.StartsWith('$') ? $"{place}: {Message} (at {Path})" : $"{place}: {Message}";
    }
}
