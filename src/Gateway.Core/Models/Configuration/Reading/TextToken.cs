namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>One token of protobuf's text format.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">The token as written, quotes and escapes included; empty at the end.</param>
/// <param name="Position">Where it starts.</param>
internal readonly record struct TextToken(TextTokenKind Kind, string Text, ConfigPosition Position)
{
    /// <summary>The token for an error text.</summary>
    public string Quoted => Kind == TextTokenKind.End ? "the end of the file" : $"'{Suggestion.Shorten(Text)}'";

    public bool IsSymbol(char symbol) => Kind == TextTokenKind.Symbol && Text[0] == symbol;
}

/// <summary>Kinds of tokens.</summary>
internal enum TextTokenKind
{
    End,
    Identifier,
    String,
    Integer,
    Float,
    Symbol,
}
