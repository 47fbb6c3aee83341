using System.Buffers.Binary;
using Gateway.Protocol.Tensors;

namespace Gateway.Load.Payloads;

/// <summary>Reads and writes single elements of tensors as numbers.</summary>
internal static class TensorNumbers
{
    /// <param name="to">One element.</param>
    /// <param name="value">Cut to the type.</param>
    public static void Write(Span<byte> to, DataType type, double value)
    {
        switch (type)
        {
            case DataType.Bool: to[0] = value >= 1 ? (byte)1 : (byte)0; break;
            case DataType.UInt8: to[0] = (byte)Math.Clamp(value, byte.MinValue, byte.MaxValue); break;
            case DataType.Int8: to[0] = (byte)(sbyte)Math.Clamp(value, sbyte.MinValue, sbyte.MaxValue); break;
            case DataType.UInt16: BinaryPrimitives.WriteUInt16LittleEndian(to, (ushort)Math.Clamp(value, ushort.MinValue, ushort.MaxValue)); break;
            case DataType.Int16: BinaryPrimitives.WriteInt16LittleEndian(to, (short)Math.Clamp(value, short.MinValue, short.MaxValue)); break;
            case DataType.UInt32: BinaryPrimitives.WriteUInt32LittleEndian(to, (uint)Math.Clamp(value, uint.MinValue, uint.MaxValue)); break;
            case DataType.Int32: BinaryPrimitives.WriteInt32LittleEndian(to, (int)Math.Clamp(value, int.MinValue, int.MaxValue)); break;
            case DataType.UInt64: BinaryPrimitives.WriteUInt64LittleEndian(to, (ulong)Math.Max(0, value)); break;
            case DataType.Int64: BinaryPrimitives.WriteInt64LittleEndian(to, (long)value); break;
            case DataType.Fp16: BinaryPrimitives.WriteHalfLittleEndian(to, (Half)value); break;
            case DataType.Bf16: BinaryPrimitives.WriteUInt16LittleEndian(to, (ushort)(BitConverter.SingleToUInt32Bits((float)value) >> 16)); break;
            case DataType.Fp32: BinaryPrimitives.WriteSingleLittleEndian(to, (float)value); break;
            case DataType.Fp64: BinaryPrimitives.WriteDoubleLittleEndian(to, value); break;
            default: throw new ArgumentOutOfRangeException(nameof(type));
        }
    }

    /// <summary>A floating-point element; the types that are none are compared as bytes.</summary>
    public static double ReadFloat(ReadOnlySpan<byte> from, DataType type) => type switch
    {
        DataType.Fp16 => (double)BinaryPrimitives.ReadHalfLittleEndian(from),
        DataType.Bf16 => BitConverter.UInt32BitsToSingle((uint)BinaryPrimitives.ReadUInt16LittleEndian(from) << 16),
        DataType.Fp32 => BinaryPrimitives.ReadSingleLittleEndian(from),
        DataType.Fp64 => BinaryPrimitives.ReadDoubleLittleEndian(from),
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    public static bool IsFloat(DataType type) => type is DataType.Fp16 or DataType.Bf16 or DataType.Fp32 or DataType.Fp64;
}
