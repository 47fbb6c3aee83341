using Gateway.Protocol.Tensors;

namespace Gateway.Client.Messages;

/// <summary>Which type of elements a type of C# is.</summary>
internal static class ElementTypes
{
    /// <exception cref="ArgumentException">It is none.</exception>
    public static DataType Of<T>()
        where T : unmanaged
    {
        // Each comparison is decided when the method is compiled for T.
        if (typeof(T) == typeof(float)) return DataType.Fp32;
        if (typeof(T) == typeof(double)) return DataType.Fp64;
        if (typeof(T) == typeof(Half)) return DataType.Fp16;
        if (typeof(T) == typeof(long)) return DataType.Int64;
        if (typeof(T) == typeof(int)) return DataType.Int32;
        if (typeof(T) == typeof(short)) return DataType.Int16;
        if (typeof(T) == typeof(sbyte)) return DataType.Int8;
        if (typeof(T) == typeof(byte)) return DataType.UInt8;
        if (typeof(T) == typeof(ushort)) return DataType.UInt16;
        if (typeof(T) == typeof(uint)) return DataType.UInt32;
        if (typeof(T) == typeof(ulong)) return DataType.UInt64;
        if (typeof(T) == typeof(bool)) return DataType.Bool;
        throw new ArgumentException($"Tensors have no elements of {typeof(T)}.");
    }
}
