namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>Protobuf's types of a field, as far as configurations use them.</summary>
internal enum FieldKind
{
    Bool,
    Int32,
    Int64,
    UInt32,
    UInt64,
    Float,
    Double,
    String,
    Enum,
    Message,
}
