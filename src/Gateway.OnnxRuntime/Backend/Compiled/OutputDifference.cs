using System.Buffers.Binary;
using System.Globalization;
using Gateway.Protocol.Tensors;

namespace Gateway.OnnxRuntime.Backend.Compiled;

/// <summary>How far a compiled model's answers are from those of the model itself, in one output, over all that it was tried with.</summary>
/// <remarks><b>Threading</b>: one thread adds.</remarks>
public sealed class OutputDifference
{
    private readonly double _tolerance;

    /// <param name="tolerance">For numbers with a fraction, in place of what is allowed to their type; null for that.</param>
    internal OutputDifference(string name, DataType dataType, double? tolerance)
    {
        Name = name;
        DataType = dataType;
        double ofType = ToleranceOf(dataType);
        _tolerance = ofType > 0 ? tolerance ?? ofType : 0;
    }

    public string Name { get; }

    public DataType DataType { get; }

    public long Elements { get; private set; }

    /// <summary>Elements that are not the same to the last bit.</summary>
    public long Differing { get; private set; }

    public double Absolute { get; private set; }

    /// <summary>To the value, or to 1 where it is smaller: the chance noise of values near 0 is none of their size.</summary>
    public double Relative { get; private set; }

    /// <summary>The largest <see cref="Relative"/> that is accepted.</summary>
    public double Tolerance => _tolerance;

    /// <summary>What is wrong with its shape; null when nothing is.</summary>
    public string? Mismatch { get; private set; }

    public bool IsAccepted => Mismatch is null && (_tolerance > 0 ? Relative <= _tolerance : Differing == 0);

    /// <summary>What is allowed by default: a thousandth for FP32, which an optimiser that sums in another order stays far below and a wrong one does not; nothing for what has no fraction.</summary>
    public static double ToleranceOf(DataType type) => type switch
    {
        DataType.Fp64 => 1e-6,
        DataType.Fp32 => 1e-3,
        DataType.Fp16 => 1e-2,
        DataType.Bf16 => 5e-2,
        _ => 0,
    };

    public override string ToString() => Mismatch ?? string.Create(CultureInfo.InvariantCulture, $"{Differing} of {Elements} values differ, by {Absolute:G3} at most, relatively {Relative:G3}");

    internal void Add(TrialTensor expected, TrialTensor actual)
    {
        if (expected.DataType != actual.DataType || !expected.Shape.SequenceEqual(actual.Shape))
        {
            Mismatch ??= $"{actual.DataType.WireName()} [{string.Join(',', actual.Shape)}] instead of {expected.DataType.WireName()} [{string.Join(',', expected.Shape)}]";
            return;
        }

        ReadOnlySpan<byte> one = expected.Raw.Span, other = actual.Raw.Span;
        if (expected.DataType == DataType.Bytes)
        {
            AddStrings(one, other);
            return;
        }

        int size = expected.DataType.Size();
        for (int at = 0; at < one.Length; at += size)
        {
            Elements++;
            if (!one.Slice(at, size).SequenceEqual(other.Slice(at, size))) AddNumbers(Number(one[at..], expected.DataType), Number(other[at..], expected.DataType));
        }
    }

    private void AddStrings(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other)
    {
        for (; one.Length > 0; Elements++)
        {
            if (!Next(ref one).SequenceEqual(Next(ref other))) AddNumbers(0, double.PositiveInfinity);
        }
    }

    private static ReadOnlySpan<byte> Next(ref ReadOnlySpan<byte> raw)
    {
        int end = sizeof(int) + BinaryPrimitives.ReadInt32LittleEndian(raw);
        ReadOnlySpan<byte> element = raw[..end];
        raw = raw[end..];
        return element;
    }

    private void AddNumbers(double expected, double actual)
    {
        // Not a number is the same as any other that is not; both zeros are. Whole numbers of 64 bits may be equal as these and still are not.
        if (_tolerance > 0 && (expected.Equals(actual) || expected == actual)) return;
        Differing++;
        double difference = Math.Abs(expected - actual);
        if (double.IsNaN(difference)) difference = double.PositiveInfinity;
        Absolute = Math.Max(Absolute, difference);
        Relative = Math.Max(Relative, double.IsInfinity(difference) ? difference : difference / Math.Max(1, Math.Abs(expected)));
    }

    private static double Number(ReadOnlySpan<byte> raw, DataType type) => type switch
    {
        DataType.Fp64 => BinaryPrimitives.ReadDoubleLittleEndian(raw),
        DataType.Fp32 => BinaryPrimitives.ReadSingleLittleEndian(raw),
        DataType.Fp16 => (double)BinaryPrimitives.ReadHalfLittleEndian(raw),
        DataType.Bf16 => BitConverter.UInt32BitsToSingle((uint)BinaryPrimitives.ReadUInt16LittleEndian(raw) << 16),
        DataType.Int64 => BinaryPrimitives.ReadInt64LittleEndian(raw),
        DataType.UInt64 => BinaryPrimitives.ReadUInt64LittleEndian(raw),
        DataType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(raw),
        DataType.UInt32 => BinaryPrimitives.ReadUInt32LittleEndian(raw),
        DataType.Int16 => BinaryPrimitives.ReadInt16LittleEndian(raw),
        DataType.UInt16 => BinaryPrimitives.ReadUInt16LittleEndian(raw),
        DataType.Int8 => (sbyte)raw[0],
        _ => raw[0],
    };
}
