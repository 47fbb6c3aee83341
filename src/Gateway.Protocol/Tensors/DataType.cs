namespace Gateway.Protocol.Tensors;

/// <summary>Element type of a tensor, by the names the Open Inference Protocol gives them.</summary>
/// <remarks>The numeric values are those of Triton's <c>model_config.proto</c> <c>DataType</c>, so a configuration maps one to one.</remarks>
public enum DataType : byte
{
    /// <summary>No type: a tensor that is not there, or a configuration that leaves the type to the model file.</summary>
    Invalid = 0,
    Bool = 1,
    UInt8 = 2,
    UInt16 = 3,
    UInt32 = 4,
    UInt64 = 5,
    Int8 = 6,
    Int16 = 7,
    Int32 = 8,
    Int64 = 9,
    Fp16 = 10,
    Fp32 = 11,
    Fp64 = 12,

    /// <summary>Strings: each element is a 32-bit little-endian length and that many bytes.</summary>
    Bytes = 13,
    Bf16 = 14,
}
