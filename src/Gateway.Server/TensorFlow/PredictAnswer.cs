using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Unicode;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;
using Gateway.Server.OpenInference;

namespace Gateway.Server.TensorFlow;

/// <summary>Writes the answer of a predict call: nested lists, by rows or by columns as the request was.</summary>
/// <remarks>One output stands alone, several by their names. Whole floats end in <c>.0</c>; NaN and the infinities are bare words. Strings are text, those of outputs whose name ends in <c>_bytes</c> base64.</remarks>
internal static class PredictAnswer
{
    private static readonly SearchValues<byte> WholeNumber = SearchValues.Create("-0123456789"u8);

    /// <exception cref="InferenceException">An output cannot be sent as JSON, or not by rows.</exception>
    public static void Write(TextBuffer text, InferenceRequest request, PredictForm form)
    {
        if (form == PredictForm.Rows) WriteRows(text, request);
        else WriteColumns(text, request);
        text.Write((byte)'}');
    }

    private static void WriteColumns(TextBuffer text, InferenceRequest request)
    {
        IReadOnlyList<TensorSpec> outputs = request.Model.Outputs;
        text.Write("{\"outputs\":"u8);
        for (int i = 0; i < outputs.Count; i++)
        {
            if (outputs.Count > 1) WriteName(text, outputs[i], i);
            Values values = new(request.Outputs[i], outputs[i]);
            values.Write(text, level: 0);
        }

        if (outputs.Count > 1) text.Write((byte)'}');
    }

    private static void WriteRows(TextBuffer text, InferenceRequest request)
    {
        IReadOnlyList<TensorSpec> outputs = request.Model.Outputs;
        long rows = RowsOf(request, 0);
        text.Write("{\"predictions\":"u8);
        if (outputs.Count == 1)
        {
            Values values = new(request.Outputs[0], outputs[0]);
            values.Write(text, level: 0);
            return;
        }

        // Each output is read on from where its last row ended.
        int[] ends = new int[outputs.Count];
        for (int i = 1; i < outputs.Count; i++)
        {
            if (RowsOf(request, i) is var other && other != rows) throw Errors.Invalid($"Tensor name: {outputs[i].Name} has inconsistent batch size: {other} expecting: {rows}");
        }

        text.Write((byte)'[');
        for (long row = 0; row < rows; row++)
        {
            if (row > 0) text.Write((byte)',');
            for (int i = 0; i < outputs.Count; i++)
            {
                WriteName(text, outputs[i], i);
                Values values = new(request.Outputs[i], outputs[i], ends[i]);
                values.Write(text, level: 1);
                ends[i] = values.End;
            }

            text.Write((byte)'}');
        }

        text.Write((byte)']');
    }

    private static long RowsOf(InferenceRequest request, int output) =>
        request.Outputs[output].Shape is { Rank: > 0 } shape ? shape[0] : throw Errors.Invalid($"Tensor name: {request.Model.Outputs[output].Name} has no shape information ");

    private static void WriteName(TextBuffer text, TensorSpec output, int index)
    {
        text.Write(index == 0 ? (byte)'{' : (byte)',');
        JsonText.WriteString(text, output.Utf8Name);
        text.Write((byte)':');
    }

    /// <summary>The elements of one output, one after the other.</summary>
    /// <param name="start">Byte at which the next one begins.</param>
    private ref struct Values(in OutputTensor output, TensorSpec spec, int start = 0)
    {
        private readonly ReadOnlySpan<byte> _bytes = output.Bytes;
        private readonly TensorShape _shape = output.Shape;

        /// <summary>Byte at which the next element begins.</summary>
        public int End { get; private set; } = start;

        /// <summary>Writes the next list of a level, or beyond the last one an element.</summary>
        public void Write(TextBuffer text, int level)
        {
            if (level == _shape.Rank)
            {
                WriteElement(text);
                return;
            }

            text.Write((byte)'[');
            for (long i = 0; i < _shape[level]; i++)
            {
                if (i > 0) text.Write((byte)',');
                Write(text, level + 1);
            }

            text.Write((byte)']');
        }

        private void WriteElement(TextBuffer text)
        {
            ReadOnlySpan<byte> rest = _bytes[End..];
            switch (spec.DataType)
            {
                case DataType.Bool: text.Write(rest[0] != 0 ? "true"u8 : "false"u8); break;
                case DataType.UInt8: text.WriteNumber(rest[0]); break;
                case DataType.UInt16: text.WriteNumber(MemoryMarshal.Read<ushort>(rest)); break;
                case DataType.UInt32: text.WriteNumber(MemoryMarshal.Read<uint>(rest)); break;
                case DataType.UInt64: text.WriteNumber(MemoryMarshal.Read<ulong>(rest)); break;
                case DataType.Int8: text.WriteNumber((sbyte)rest[0]); break;
                case DataType.Int16: text.WriteNumber(MemoryMarshal.Read<short>(rest)); break;
                case DataType.Int32: text.WriteNumber(MemoryMarshal.Read<int>(rest)); break;
                case DataType.Int64: text.WriteNumber(MemoryMarshal.Read<long>(rest)); break;
                case DataType.Fp32: WriteFloat(text, MemoryMarshal.Read<float>(rest)); break;
                case DataType.Fp64: WriteFloat(text, MemoryMarshal.Read<double>(rest)); break;
                case DataType.Bytes: WriteString(text, rest); return;
                default: throw Errors.Invalid($"Failed to write JSON value for tensor type: {spec.DataType.WireName()}");
            }

            End += spec.DataType.Size();
        }

        private void WriteString(TextBuffer text, ReadOnlySpan<byte> rest)
        {
            if (!RawStrings.TryRead(ref rest, out ReadOnlySpan<byte> element)) throw new InferenceException(StatusCode.Internal, $"output '{spec.Name}' has fewer strings than its shape");
            End = _bytes.Length - rest.Length;
            if (spec.Name.EndsWith("_bytes", StringComparison.Ordinal))
            {
                text.Write("{\"b64\":\""u8);
                text.WriteAscii(Convert.ToBase64String(element));
                text.Write("\"}"u8);
                return;
            }

            if (!Utf8.IsValid(element)) throw Errors.Invalid($"output '{spec.Name}' is not UTF-8 and cannot be sent as JSON, unless its name ends in _bytes");
            JsonText.WriteString(text, element);
        }

        private static void WriteFloat<T>(TextBuffer text, T value)
            where T : System.Numerics.IFloatingPoint<T>
        {
            int start = text.Length;
            text.WriteNumber(value);

            // A number without a point, an exponent, or a word is a whole one.
            if (text.Written[start..].IndexOfAnyExcept(WholeNumber) < 0) text.Write(".0"u8);
        }
    }
}
