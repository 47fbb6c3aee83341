using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;

namespace Gateway.Server.OpenInference;

/// <summary>Turns an output into the strings of its best classes: value, index and label of each.</summary>
/// <remarks>Equal values keep the order of their indexes, and NaN comes last, which Triton leaves open.</remarks>
internal static class Classification
{
    // Triton's own limit.
    private const int MostElements = 1_000_000;

    /// <exception cref="Protocol.InferenceException">Elements of this type cannot be ranked.</exception>
    public static void CheckType(DataType type)
    {
        if (type is DataType.Bytes or DataType.Bool or DataType.Fp16 or DataType.Bf16)
        {
            throw Errors.Invalid($"class result not available for output due to unsupported type '{type.WireName()}'");
        }
    }

    /// <summary>Writes the strings of one output, in the raw form, and sets their place and shape in the plan.</summary>
    public static void Write(TextBuffer strings, TensorSpec spec, in OutputTensor output, bool isBatching, ref OutputPlan plan)
    {
        long rows = isBatching && output.Shape.Rank > 0 ? output.Shape[0] : 1;
        int elements = output.ByteLength / output.DataType.Size();
        if (elements > MostElements) throw Errors.Invalid("classification output tensor too large");
        int classes = rows == 0 ? 0 : (int)(elements / rows);
        int best = (int)Math.Min(plan.Classes, (uint)classes);
        plan.ClassShape = isBatching ? new TensorShape([rows, best]) : new TensorShape([best]);
        plan.ClassOffset = strings.Length;
        switch (output.DataType)
        {
            case DataType.UInt8: Rank<byte>(strings, spec, output.Bytes, classes, best); break;
            case DataType.UInt16: Rank<ushort>(strings, spec, output.Bytes, classes, best); break;
            case DataType.UInt32: Rank<uint>(strings, spec, output.Bytes, classes, best); break;
            case DataType.UInt64: Rank<ulong>(strings, spec, output.Bytes, classes, best); break;
            case DataType.Int8: Rank<sbyte>(strings, spec, output.Bytes, classes, best); break;
            case DataType.Int16: Rank<short>(strings, spec, output.Bytes, classes, best); break;
            case DataType.Int32: Rank<int>(strings, spec, output.Bytes, classes, best); break;
            case DataType.Int64: Rank<long>(strings, spec, output.Bytes, classes, best); break;
            case DataType.Fp32: Rank<float>(strings, spec, output.Bytes, classes, best); break;
            case DataType.Fp64: Rank<double>(strings, spec, output.Bytes, classes, best); break;
            default: CheckType(output.DataType); break;
        }

        plan.ClassLength = strings.Length - plan.ClassOffset;
    }

    private static void Rank<T>(TextBuffer strings, TensorSpec spec, ReadOnlySpan<byte> bytes, int classes, int best)
        where T : unmanaged, INumber<T>
    {
        ReadOnlySpan<T> all = MemoryMarshal.Cast<byte, T>(bytes);
        int[] ranked = ArrayPool<int>.Shared.Rent(Math.Max(1, classes));
        T[] values = ArrayPool<T>.Shared.Rent(Math.Max(1, classes));
        try
        {
            for (; all.Length > 0; all = all[classes..])
            {
                ReadOnlySpan<T> row = all[..classes];
                for (int i = 0; i < classes; i++) ranked[i] = i;
                row.CopyTo(values);
                ranked.AsSpan(0, classes).Sort(new BestFirst<T>(values));
                foreach (int index in ranked.AsSpan(0, best)) WriteClass(strings, Format(row[index]), index, spec.Labels);
            }
        }
        finally
        {
            ArrayPool<int>.Shared.Return(ranked);
            ArrayPool<T>.Shared.Return(values);
        }
    }

    private static void WriteClass(TextBuffer strings, string value, int index, IReadOnlyList<string> labels)
    {
        string label = index < labels.Count && labels[index].Length > 0 ? $":{labels[index]}" : "";
        byte[] text = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{value}:{index}{label}"));
        BinaryPrimitives.WriteUInt32LittleEndian(strings.GetSpan(sizeof(uint)), (uint)text.Length);
        strings.Advance(sizeof(uint));
        strings.Write(text);
    }

    /// <summary>As C++'s <c>std::to_string</c>: integers plain, floats with six decimals.</summary>
    private static string Format<T>(T value)
        where T : INumber<T>
    {
        if (value is not float and not double) return value.ToString(null, CultureInfo.InvariantCulture);
        double number = double.CreateTruncating(value);
        if (double.IsNaN(number)) return "nan";
        if (double.IsInfinity(number)) return number > 0 ? "inf" : "-inf";
        return number.ToString("F6", CultureInfo.InvariantCulture);
    }

    private readonly struct BestFirst<T>(T[] values) : IComparer<int>
        where T : INumber<T>
    {
        public int Compare(int x, int y)
        {
            // NaN compares below everything, so it comes last.
            int order = values[y].CompareTo(values[x]);
            return order != 0 ? order : x.CompareTo(y);
        }
    }
}
