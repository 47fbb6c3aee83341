using System.Runtime.InteropServices;
using System.Text.Unicode;
using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;

namespace Gateway.Server.OpenInference;

/// <summary>Writes a tensor as a flat JSON array.</summary>
/// <remarks>Floats are the shortest text that reads back to the same value; NaN and the infinities are bare tokens, as Triton writes them.</remarks>
internal static class TensorJsonWriter
{
    /// <param name="name">Named when the tensor cannot be written.</param>
    public static void Write(TextBuffer text, DataType type, ReadOnlySpan<byte> bytes, string name)
    {
        text.Write((byte)'[');
        switch (type)
        {
            case DataType.Bool: WriteBooleans(text, bytes); break;
            case DataType.UInt8: WriteNumbers<byte>(text, bytes); break;
            case DataType.UInt16: WriteNumbers<ushort>(text, bytes); break;
            case DataType.UInt32: WriteNumbers<uint>(text, bytes); break;
            case DataType.UInt64: WriteNumbers<ulong>(text, bytes); break;
            case DataType.Int8: WriteNumbers<sbyte>(text, bytes); break;
            case DataType.Int16: WriteNumbers<short>(text, bytes); break;
            case DataType.Int32: WriteNumbers<int>(text, bytes); break;
            case DataType.Int64: WriteNumbers<long>(text, bytes); break;
            case DataType.Fp32: WriteNumbers<float>(text, bytes); break;
            case DataType.Fp64: WriteNumbers<double>(text, bytes); break;
            case DataType.Bytes: WriteStrings(text, bytes, name); break;
            default: throw new ArgumentOutOfRangeException(nameof(type), type, "not a type that JSON can carry");
        }

        text.Write((byte)']');
    }

    private static void WriteNumbers<T>(TextBuffer text, ReadOnlySpan<byte> bytes)
        where T : unmanaged, IUtf8SpanFormattable
    {
        ReadOnlySpan<T> elements = MemoryMarshal.Cast<byte, T>(bytes);
        for (int i = 0; i < elements.Length; i++)
        {
            if (i > 0) text.Write((byte)',');
            text.WriteNumber(elements[i]);
        }
    }

    private static void WriteBooleans(TextBuffer text, ReadOnlySpan<byte> bytes)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            if (i > 0) text.Write((byte)',');
            text.Write(bytes[i] != 0 ? "true"u8 : "false"u8);
        }
    }

    private static void WriteStrings(TextBuffer text, ReadOnlySpan<byte> bytes, string name)
    {
        for (long i = 0; RawStrings.TryRead(ref bytes, out ReadOnlySpan<byte> element); i++)
        {
            if (!Utf8.IsValid(element)) throw Errors.Invalid($"element {i} of output '{name}' is not UTF-8 and cannot be sent as JSON. Please use the binary data format for output");
            if (i > 0) text.Write((byte)',');
            JsonText.WriteString(text, element);
        }
    }
}
