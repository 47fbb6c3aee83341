namespace Gateway.Server.Grpc.Inference;

/// <summary>Which value a parameter has.</summary>
internal enum ParameterKind : byte
{
    None,
    Bool,
    Int64,
    String,
    Double,
    UInt64,
}
