using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using Gateway.Protocol.Tensors;

namespace Gateway.Core.Features.Configuration;

/// <summary>Reads the text of one element of a row, of any type of fixed size.</summary>
/// <remarks>Numbers as .NET reads them in the invariant culture, <c>NaN</c> and <c>Infinity</c> among them; no group separators, no hexadecimal. What is beyond an integer's range is none.</remarks>
public static class RowNumbers
{
    private const NumberStyles Integer = NumberStyles.AllowLeadingSign | NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite;

    /// <param name="to">As many bytes as an element has.</param>
    /// <returns>False when the text is no such element.</returns>
    public static bool TryParse(DataType type, ReadOnlySpan<byte> utf8, Span<byte> to) => type switch
    {
        DataType.Bool => TryParseBoolean(utf8, to),
        DataType.UInt8 => TryParse<byte>(utf8, to, Integer),
        DataType.UInt16 => TryParse<ushort>(utf8, to, Integer),
        DataType.UInt32 => TryParse<uint>(utf8, to, Integer),
        DataType.UInt64 => TryParse<ulong>(utf8, to, Integer),
        DataType.Int8 => TryParse<sbyte>(utf8, to, Integer),
        DataType.Int16 => TryParse<short>(utf8, to, Integer),
        DataType.Int32 => TryParse<int>(utf8, to, Integer),
        DataType.Int64 => TryParse<long>(utf8, to, Integer),
        DataType.Fp16 => TryParse<Half>(utf8, to, NumberStyles.Float),
        DataType.Fp32 => TryParse<float>(utf8, to, NumberStyles.Float),
        DataType.Fp64 => TryParse<double>(utf8, to, NumberStyles.Float),
        DataType.Bf16 => TryParseBrain(utf8, to),
        _ => false,
    };

    private static bool TryParse<T>(ReadOnlySpan<byte> utf8, Span<byte> to, NumberStyles styles)
        where T : unmanaged, INumberBase<T>
    {
        if (!T.TryParse(utf8, styles, CultureInfo.InvariantCulture, out T value)) return false;
        MemoryMarshal.Write(to, value);
        return true;
    }

    private static bool TryParseBoolean(ReadOnlySpan<byte> utf8, Span<byte> to)
    {
        utf8 = utf8.Trim((byte)' ');
        bool isTrue = utf8.SequenceEqual("1"u8) || Ascii(utf8, "true");
        to[0] = isTrue ? (byte)1 : (byte)0;
        return isTrue || utf8.SequenceEqual("0"u8) || Ascii(utf8, "false");
    }

    private static bool Ascii(ReadOnlySpan<byte> utf8, string word) => System.Text.Ascii.EqualsIgnoreCase(utf8, word);

    /// <summary>The upper half of a single, rounded to even.</summary>
    private static bool TryParseBrain(ReadOnlySpan<byte> utf8, Span<byte> to)
    {
        if (!float.TryParse(utf8, NumberStyles.Float, CultureInfo.InvariantCulture, out float value)) return false;
        uint bits = BitConverter.SingleToUInt32Bits(value);
        uint upper = float.IsNaN(value) ? (bits >> 16) | 0x40 : (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
        MemoryMarshal.Write(to, (ushort)upper);
        return true;
    }
}
