using Gateway.Protocol.Tensors;

namespace Gateway.OnnxRuntime.Values;

/// <summary>Maps between the protocols' element types and the C header's <c>ONNXTensorElementDataType</c>.</summary>
internal static class ElementTypes
{
    // Positions are the C header's values.
    private static readonly (string Name, DataType Type)[] All =
    [
        ("undefined", DataType.Invalid),
        ("float", DataType.Fp32),
        ("uint8", DataType.UInt8),
        ("int8", DataType.Int8),
        ("uint16", DataType.UInt16),
        ("int16", DataType.Int16),
        ("int32", DataType.Int32),
        ("int64", DataType.Int64),
        ("string", DataType.Bytes),
        ("bool", DataType.Bool),
        ("float16", DataType.Fp16),
        ("double", DataType.Fp64),
        ("uint32", DataType.UInt32),
        ("uint64", DataType.UInt64),
        ("complex64", DataType.Invalid),
        ("complex128", DataType.Invalid),
        ("bfloat16", DataType.Bf16),
        ("float8e4m3fn", DataType.Invalid),
        ("float8e4m3fnuz", DataType.Invalid),
        ("float8e5m2", DataType.Invalid),
        ("float8e5m2fnuz", DataType.Invalid),
        ("uint4", DataType.Invalid),
        ("int4", DataType.Invalid),
        ("float4e2m1", DataType.Invalid),
    ];

    /// <summary><see cref="DataType.Invalid"/> for a type that the protocols have no word for.</summary>
    public static DataType FromNative(int elementType) =>
        (uint)elementType < (uint)All.Length ? All[elementType].Type : DataType.Invalid;

    /// <summary>ONNX's name of the type.</summary>
    public static string NameOf(int elementType) =>
        (uint)elementType < (uint)All.Length ? All[elementType].Name : $"element type {elementType}";

    /// <exception cref="ArgumentException">The type is <see cref="DataType.Invalid"/>.</exception>
    public static int ToNative(DataType type)
    {
        for (int i = 1; i < All.Length; i++)
        {
            if (All[i].Type == type && type != DataType.Invalid) return i;
        }

        throw new ArgumentException($"{type} is not the element type of a tensor.", nameof(type));
    }
}
