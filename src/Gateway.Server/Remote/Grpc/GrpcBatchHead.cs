using System.Buffers;
using System.Text;
using Gateway.Core.Execution;
using Gateway.Core.Models;
using Gateway.Protocol.Protobuf;
using Gateway.Protocol.Tensors;
using Gateway.Server.Grpc.Wire;

namespace Gateway.Server.Remote.Grpc;

/// <summary>Writes all of a batch's <c>ModelInferRequest</c> but its tensors, which are sent from where they lie: a piece before each of them.</summary>
/// <remarks><b>Threading</b>: one batch at a time. <b>Cost</b>: no allocation once the buffer has grown, but for the list of pieces.</remarks>
internal sealed class GrpcBatchHead(ModelLayout layout, string model, string version)
{
    // Of ModelInferRequest, InferInputTensor, a map's entry, and InferParameter, as grpc_service.proto numbers them.
    private const int ModelNameField = 1;
    private const int ModelVersionField = 2;
    private const int ParametersField = 4;
    private const int InputsField = 5;
    private const int OutputsField = 6;
    private const int RawInputsField = 7;
    private const int NameField = 1;
    private const int DataTypeField = 2;
    private const int ShapeField = 3;
    private const int KeyField = 1;
    private const int ValueField = 2;
    private const int Int64Field = 2;

    // A tag and a length.
    private const int MostHeaderBytes = 16;

    private readonly ArrayBufferWriter<byte> _buffer = new();
    private readonly byte[] _model = Encoding.UTF8.GetBytes(model);
    private readonly byte[] _version = Encoding.UTF8.GetBytes(version);
    private readonly int[] _ends = new int[layout.Inputs.Count];
    private readonly int[] _lengths = new int[layout.Inputs.Count];

    private static ReadOnlySpan<byte> Timeout => "timeout"u8;

    /// <param name="byteLengths">Bytes of each input, all rows together.</param>
    /// <param name="timeoutMicroseconds">Time that the batch has left; 0 for any.</param>
    public void Write(Batch batch, ReadOnlySpan<int> byteLengths, long timeoutMicroseconds)
    {
        byteLengths.CopyTo(_lengths);
        _buffer.ResetWrittenCount();
        _buffer.GetSpan(MessagePrefix.Bytes);
        _buffer.Advance(MessagePrefix.Bytes);
        WriteText(ModelNameField, _model);
        WriteText(ModelVersionField, _version);
        if (timeoutMicroseconds > 0) WriteTimeout(timeoutMicroseconds);
        for (int i = 0; i < layout.Inputs.Count; i++) WriteInput(batch, i);
        foreach (TensorSpec output in layout.Outputs)
        {
            WriteHeader(OutputsField, ProtobufWriter.TextSize(output.Utf8Name.Length));
            WriteText(NameField, output.Utf8Name);
        }

        long bytes = 0;
        for (int i = 0; i < _lengths.Length; i++)
        {
            WriteHeader(RawInputsField, _lengths[i]);
            _ends[i] = _buffer.WrittenCount;
            bytes += _lengths[i];
        }

        Span<byte> prefix = System.Runtime.InteropServices.MemoryMarshal.AsMemory(_buffer.WrittenMemory).Span;
        MessagePrefix.Write(prefix, isCompressed: false, _buffer.WrittenCount - MessagePrefix.Bytes + bytes);
    }

    /// <summary>What was written and the tensors, in order; valid until the next batch is written.</summary>
    /// <param name="rows">The tensors, one after the other.</param>
    public ReadOnlyMemory<byte>[] Around(ReadOnlyMemory<byte> rows)
    {
        ReadOnlyMemory<byte>[] pieces = new ReadOnlyMemory<byte>[2 * _lengths.Length];
        int written = 0;
        int row = 0;
        for (int i = 0; i < _lengths.Length; i++)
        {
            pieces[2 * i] = _buffer.WrittenMemory[written.._ends[i]];
            pieces[(2 * i) + 1] = rows.Slice(row, _lengths[i]);
            written = _ends[i];
            row += _lengths[i];
        }

        return pieces;
    }

    private void WriteInput(Batch batch, int index)
    {
        TensorSpec input = layout.Inputs[index];
        TensorShape shape = input.IsReshaped ? layout.ForRows(input.ModelDims, batch.PaddedRows) : batch.InputShape(index, layout.IsBatching);
        string type = input.DataType.WireName();
        int shapeBytes = 0;
        foreach (long dimension in shape.Dims) shapeBytes += ProtobufWriter.VarintSize((ulong)dimension);
        WriteHeader(InputsField, ProtobufWriter.TextSize(input.Utf8Name.Length) + ProtobufWriter.TextSize(type.Length) + ProtobufWriter.TextSize(shapeBytes));
        WriteText(NameField, input.Utf8Name);
        ProtobufWriter writer = new(_buffer.GetSpan(type.Length + shapeBytes + (2 * MostHeaderBytes)));
        writer.WriteText(DataTypeField, type, type.Length);
        if (shapeBytes > 0)
        {
            writer.WriteHeader(ShapeField, shapeBytes);
            foreach (long dimension in shape.Dims) writer.WriteVarint((ulong)dimension);
        }

        _buffer.Advance(writer.Position);
    }

    private void WriteTimeout(long microseconds)
    {
        long value = 1 + ProtobufWriter.VarintSize((ulong)microseconds);
        WriteHeader(ParametersField, ProtobufWriter.FieldSize(Timeout.Length) + ProtobufWriter.FieldSize(value));
        WriteText(KeyField, Timeout);
        ProtobufWriter writer = new(_buffer.GetSpan(2 * MostHeaderBytes));
        writer.WriteHeader(ValueField, value);
        writer.WriteTag(Int64Field, WireType.Varint);
        writer.WriteVarint((ulong)microseconds);
        _buffer.Advance(writer.Position);
    }

    private void WriteText(int field, ReadOnlySpan<byte> utf8)
    {
        ProtobufWriter writer = new(_buffer.GetSpan(utf8.Length + MostHeaderBytes));
        writer.WriteText(field, utf8);
        _buffer.Advance(writer.Position);
    }

    private void WriteHeader(int field, long length)
    {
        ProtobufWriter writer = new(_buffer.GetSpan(MostHeaderBytes));
        writer.WriteHeader(field, length);
        _buffer.Advance(writer.Position);
    }
}
