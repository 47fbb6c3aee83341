namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>One field of a message: its name, type and multiplicity.</summary>
/// <remarks>A map is, as in protobuf, a repeated message with the fields <c>key</c> and <c>value</c>.</remarks>
internal sealed record FieldSchema(string Name, FieldKind Kind)
{
    public bool IsRepeated { get; init; }

    public bool IsMap { get; init; }

    /// <summary>The group of which at most one field may be given; null when in none.</summary>
    public string? OneOf { get; init; }

    /// <summary>The message's fields; set for <see cref="FieldKind.Message"/>.</summary>
    public MessageSchema? Message { get; init; }

    /// <summary>The enumeration's values; set for <see cref="FieldKind.Enum"/>.</summary>
    public EnumSchema? Enum { get; init; }

    /// <summary>The same field, any number of times.</summary>
    public FieldSchema Many() => this with { IsRepeated = true };

    /// <summary>The same field as one choice of <paramref name="oneOf"/>.</summary>
    public FieldSchema In(string oneOf) => this with { OneOf = oneOf };
}
