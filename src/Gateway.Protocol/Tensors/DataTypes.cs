namespace Gateway.Protocol.Tensors;

/// <summary>Sizes and wire names of <see cref="DataType"/>.</summary>
public static class DataTypes
{
    private static readonly string[] Names =
    [
        "INVALID", "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", "BYTES", "BF16",
    ];

    /// <summary>Bytes of one element; 0 for <see cref="DataType.Bytes"/>, whose elements differ, and for <see cref="DataType.Invalid"/>.</summary>
    public static int Size(this DataType type) => type switch
    {
        DataType.Bool or DataType.UInt8 or DataType.Int8 => 1,
        DataType.UInt16 or DataType.Int16 or DataType.Fp16 or DataType.Bf16 => 2,
        DataType.UInt32 or DataType.Int32 or DataType.Fp32 => 4,
        DataType.UInt64 or DataType.Int64 or DataType.Fp64 => 8,
        _ => 0,
    };

    /// <summary>The name on the wire, such as <c>FP32</c>.</summary>
    public static string WireName(this DataType type) => Names[(int)type];

    /// <summary>Reads a wire name, such as <c>"FP32"u8</c>; case matters, as in Triton.</summary>
    /// <returns><see cref="DataType.Invalid"/> when the name is not one of the protocol's.</returns>
    public static DataType Parse(ReadOnlySpan<byte> utf8Name)
    {
        for (int i = 1; i < Names.Length; i++)
        {
            if (System.Text.Ascii.Equals(utf8Name, Names[i])) return (DataType)i;
        }

        return DataType.Invalid;
    }
}
