using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;

namespace Gateway.Server.OpenInference;

/// <summary>Reads a tensor's JSON <c>data</c> straight into the tensor's memory, in the tensor's own type.</summary>
/// <remarks>
/// <b>Behaviour</b>: nesting is not compared with the shape; elements are read depth first and only their count matters, as in Triton. Unlike there,
/// an integer beyond the type's range is an error instead of being cut to size. <b>Cost</b>: one pass, no allocation.
/// </remarks>
internal static class TensorJsonReader
{
    /// <summary>Triton's limit on nesting within <c>data</c>, the outermost array included.</summary>
    private const int MostLevels = 100;

    private const string TooDeep = "JSON nesting depth exceeds maximum allowed limit (100)";

    /// <summary>Reads elements of a fixed size; the destination must be exactly full in the end.</summary>
    public static void ReadFixed(ref JsonCursor cursor, DataType type, Span<byte> destination, JsonString name)
    {
        switch (type)
        {
            case DataType.Bool: ReadBooleans(ref cursor, destination, name); break;
            case DataType.UInt8: ReadNumbers<byte, IntegerElement<byte>>(ref cursor, type, destination, name); break;
            case DataType.UInt16: ReadNumbers<ushort, IntegerElement<ushort>>(ref cursor, type, destination, name); break;
            case DataType.UInt32: ReadNumbers<uint, IntegerElement<uint>>(ref cursor, type, destination, name); break;
            case DataType.UInt64: ReadNumbers<ulong, IntegerElement<ulong>>(ref cursor, type, destination, name); break;
            case DataType.Int8: ReadNumbers<sbyte, IntegerElement<sbyte>>(ref cursor, type, destination, name); break;
            case DataType.Int16: ReadNumbers<short, IntegerElement<short>>(ref cursor, type, destination, name); break;
            case DataType.Int32: ReadNumbers<int, IntegerElement<int>>(ref cursor, type, destination, name); break;
            case DataType.Int64: ReadNumbers<long, IntegerElement<long>>(ref cursor, type, destination, name); break;
            case DataType.Fp32: ReadNumbers<float, SingleElement>(ref cursor, type, destination, name); break;
            case DataType.Fp64: ReadNumbers<double, DoubleElement>(ref cursor, type, destination, name); break;
            default: throw new ArgumentOutOfRangeException(nameof(type), type, "not a type of fixed size that JSON can carry");
        }
    }

    /// <summary>Reads strings into the raw form, a 32-bit length before each.</summary>
    /// <param name="destination">At least as large as <see cref="MostRawBytes"/> says.</param>
    /// <returns>Bytes written.</returns>
    public static int ReadStrings(ref JsonCursor cursor, Span<byte> destination, JsonString name)
    {
        int depth = 0;
        int written = 0;
        long element = 0;
        Begin(ref cursor);
        while (GoToElement(ref cursor, ref depth, isStrings: true))
        {
            if (cursor.Peek() != '"') throw WrongKind(ref cursor, "string", "string", element, name);
            Span<byte> target = destination[written..];
            int length = cursor.ReadString().CopyTo(target[sizeof(uint)..]);
            BinaryPrimitives.WriteUInt32LittleEndian(target, (uint)length);
            written += sizeof(uint) + length;
            element++;
        }

        return written;
    }

    /// <summary>Most raw bytes that strings in a JSON array of so many bytes make: the shortest element, <c>"",</c>, grows from three bytes to four.</summary>
    public static long MostRawBytes(long jsonBytes) => (jsonBytes * 4 / 3) + sizeof(uint);

    private static void ReadNumbers<T, TElement>(ref JsonCursor cursor, DataType type, Span<byte> destination, JsonString name)
        where T : unmanaged
        where TElement : IJsonElement<T>
    {
        Span<T> elements = MemoryMarshal.Cast<byte, T>(destination);
        int depth = 0;
        int count = 0;
        Begin(ref cursor);
        while (GoToElement(ref cursor, ref depth, isStrings: false))
        {
            ReadOnlySpan<byte> text = cursor.Rest;
            if (NumberToken.Scan(text, out NumberToken token) is not null || !TElement.IsRightKind(token))
            {
                throw WrongKind(ref cursor, TElement.Wanted, TElement.Wanted == "number" ? "double" : TElement.Wanted, count, name);
            }

            if ((uint)count >= (uint)elements.Length) throw TooMany();
            if (!TElement.TryConvert(token, text[..token.Length], out elements[count])) throw OutOfRange(type, text[..token.Length], cursor.Position, count, name);
            cursor.Position += token.Length;
            count++;
        }

        if (count != elements.Length) throw TooFew();
    }

    private static void ReadBooleans(ref JsonCursor cursor, Span<byte> destination, JsonString name)
    {
        int depth = 0;
        int count = 0;
        Begin(ref cursor);
        while (GoToElement(ref cursor, ref depth, isStrings: false))
        {
            bool value = cursor.TryReadLiteral("true"u8);
            if (!value && !cursor.TryReadLiteral("false"u8)) throw WrongKind(ref cursor, "boolean", "boolean", count, name);
            if ((uint)count >= (uint)destination.Length) throw TooMany();
            destination[count++] = value ? (byte)1 : (byte)0;
        }

        if (count != destination.Length) throw TooFew();
    }

    private static void Begin(ref JsonCursor cursor)
    {
        if (cursor.Peek() != '[') throw Errors.NotA("data", "array", "array");
    }

    /// <summary>Goes to the next element, into and out of arrays.</summary>
    /// <param name="depth">Arrays that are open; 0 at the first call.</param>
    /// <returns>False when the outermost array has ended.</returns>
    private static bool GoToElement(ref JsonCursor cursor, ref int depth, bool isStrings)
    {
        bool isAfterValue = depth > 0;
        while (true)
        {
            byte next = cursor.Peek();
            if (isAfterValue)
            {
                if (next == ']')
                {
                    cursor.Position++;
                    if (--depth == 0) return false;
                    continue;
                }

                if (next != ',') throw cursor.Syntax("Missing a comma or ] after an array element.");
                cursor.Position++;
                next = cursor.Peek();
            }

            if (next != '[') return true;
            if (++depth > MostLevels) throw Errors.Invalid(isStrings ? TooDeep : $"Unable to parse 'data': {TooDeep}");
            cursor.Position++;
            isAfterValue = cursor.Peek() == ']';
        }
    }

    /// <summary>An element is of the wrong kind; or it is no JSON at all, and then that is the error.</summary>
    private static InferenceException WrongKind(ref JsonCursor cursor, string type, string wanted, long element, JsonString name)
    {
        int position = cursor.Position;
        cursor.SkipValue();
        return Errors.Invalid($"Unable to parse 'data': attempt to access JSON non-{type} as {wanted} (element {element} of input '{name.ToString()}', at {position})");
    }

    private static InferenceException OutOfRange(DataType type, ReadOnlySpan<byte> text, int position, int element, JsonString name)
    {
        // A number may have any number of digits.
        string number = System.Text.Encoding.ASCII.GetString(text[..Math.Min(40, text.Length)]) + (text.Length > 40 ? "..." : "");
        return Errors.Invalid($"Unable to parse 'data': {number} is out of range for {type.WireName()} (element {element} of input '{name.ToString()}', at {position})");
    }

    private static InferenceException TooMany() => Errors.Invalid("Unable to parse 'data': Shape does not match true shape of 'data' field");

    private static InferenceException TooFew() => Errors.Invalid("Failed to parse 'data' field: shape does not match true shape");
}
