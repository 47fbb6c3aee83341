using System.Buffers;
using System.Text.Json;
using Gateway.Core.Execution;
using Gateway.Core.Models;
using Gateway.Protocol.Tensors;

namespace Gateway.Server.Remote.Http;

/// <summary>Writes the JSON head of a batch's request: its tensors follow in binary form, and all outputs are asked for in it.</summary>
/// <remarks><b>Threading</b>: one batch at a time. <b>Cost</b>: no allocation once the buffer has grown.</remarks>
internal sealed class JsonBatchHead(ModelLayout layout) : IDisposable
{
    private readonly ArrayBufferWriter<byte> _buffer = new();
    private readonly Utf8JsonWriter _json = new(Stream.Null);

    /// <param name="byteLengths">Bytes of each input, all rows together.</param>
    /// <param name="timeoutMicroseconds">Time that the batch has left; 0 for any.</param>
    /// <returns>Valid until the next call.</returns>
    public ReadOnlyMemory<byte> Write(Batch batch, ReadOnlySpan<int> byteLengths, long timeoutMicroseconds)
    {
        _buffer.ResetWrittenCount();
        _json.Reset(_buffer);
        _json.WriteStartObject();
        if (timeoutMicroseconds > 0)
        {
            _json.WriteStartObject("parameters"u8);
            _json.WriteNumber("timeout"u8, timeoutMicroseconds);
            _json.WriteEndObject();
        }

        _json.WriteStartArray("inputs"u8);
        for (int i = 0; i < layout.Inputs.Count; i++) WriteInput(batch, i, byteLengths[i]);
        _json.WriteEndArray();
        _json.WriteStartArray("outputs"u8);
        foreach (TensorSpec output in layout.Outputs) WriteOutput(output);
        _json.WriteEndArray();
        _json.WriteEndObject();
        _json.Flush();
        return _buffer.WrittenMemory;
    }

    public void Dispose() => _json.Dispose();

    private void WriteInput(Batch batch, int index, int byteLength)
    {
        TensorSpec input = layout.Inputs[index];
        TensorShape shape = input.IsReshaped ? layout.ForRows(input.ModelDims, batch.PaddedRows) : batch.InputShape(index, layout.IsBatching);
        _json.WriteStartObject();
        _json.WriteString("name"u8, input.Utf8Name);
        _json.WriteStartArray("shape"u8);
        foreach (long dimension in shape.Dims) _json.WriteNumberValue(dimension);
        _json.WriteEndArray();
        _json.WriteString("datatype"u8, input.DataType.WireName());
        _json.WriteStartObject("parameters"u8);
        _json.WriteNumber("binary_data_size"u8, byteLength);
        _json.WriteEndObject();
        _json.WriteEndObject();
    }

    private void WriteOutput(TensorSpec output)
    {
        _json.WriteStartObject();
        _json.WriteString("name"u8, output.Utf8Name);
        _json.WriteStartObject("parameters"u8);
        _json.WriteBoolean("binary_data"u8, true);
        _json.WriteEndObject();
        _json.WriteEndObject();
    }
}
