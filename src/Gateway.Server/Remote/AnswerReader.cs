using System.Globalization;
using System.Text.Json;
using Gateway.Core.Execution;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;

namespace Gateway.Server.Remote;

/// <summary>Reads what an upstream answered to a batch, and lets nothing pass that was not asked for: each output once, of its type, of its shape, a row for a row.</summary>
/// <remarks><b>Threading</b>: one answer at a time. <b>Cost</b>: the tensors stay where they are; of the head nothing is copied.</remarks>
internal sealed class AnswerReader(ModelLayout layout)
{
    private readonly bool[] _isPlaced = new bool[layout.Outputs.Count];

    /// <summary>The model version that answered last; empty before, and when the upstream does not say.</summary>
    public string Version { get; private set; } = "";

    /// <param name="body">Taken over, whatever happens.</param>
    /// <param name="rows">Rows of the batch, padding included.</param>
    /// <exception cref="UpstreamException">It is not the answer to such a batch.</exception>
    public BlockBatchOutput Read(in AnswerBody body, int rows)
    {
        BlockBatchOutput output = new(body.Block, layout.Outputs.Count);
        try
        {
            Read(body, rows, output);
            return output;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // The latter of text that is no UTF-8.
            output.Release();
            throw Garbage("what is not JSON", error);
        }
        catch
        {
            output.Release();
            throw;
        }
    }

    private void Read(in AnswerBody body, int rows, BlockBatchOutput output)
    {
        Array.Clear(_isPlaced);
        int offset = body.HeadLength;
        bool hasOutputs = false;
        Utf8JsonReader json = new(body.Block.Span[..body.HeadLength]);
        Expect(ref json, JsonTokenType.StartObject);
        while (NextMember(ref json))
        {
            if (json.ValueTextEquals("outputs"u8))
            {
                if (hasOutputs) throw Garbage("two lists of outputs");
                hasOutputs = true;
                Expect(ref json, JsonTokenType.StartArray);
                while (json.Read() && json.TokenType != JsonTokenType.EndArray) ReadOutput(ref json, body, rows, output, ref offset);
            }
            else if (json.ValueTextEquals("model_version"u8))
            {
                json.Read();
                if (json.TokenType == JsonTokenType.String && !json.ValueTextEquals(Version)) Version = json.GetString()!;
                json.Skip();
            }
            else
            {
                json.Skip();
            }
        }

        if (json.Read()) throw Garbage("more than one JSON object");
        int missing = Array.IndexOf(_isPlaced, false);
        if (missing >= 0) throw Garbage($"no output '{layout.Outputs[missing].Name}'");
        if (offset != body.Length) throw Garbage($"{body.Length - offset} bytes more than its outputs have");
    }

    private void ReadOutput(ref Utf8JsonReader json, in AnswerBody body, int rows, BlockBatchOutput output, ref int offset)
    {
        if (json.TokenType != JsonTokenType.StartObject) throw Garbage("an output that is no object");
        int index = -1;
        DataType type = DataType.Invalid;
        TensorShape shape = default;
        bool hasShape = false;
        long size = -1;
        while (NextMember(ref json))
        {
            if (json.ValueTextEquals("name"u8))
            {
                index = ReadName(ref json);
            }
            else if (json.ValueTextEquals("datatype"u8))
            {
                Expect(ref json, JsonTokenType.String);
                type = DataTypes.Parse(json.ValueSpan);
            }
            else if (json.ValueTextEquals("shape"u8))
            {
                shape = ReadShape(ref json);
                hasShape = true;
            }
            else if (json.ValueTextEquals("parameters"u8))
            {
                size = ReadSize(ref json);
            }
            else
            {
                json.Skip();
            }
        }

        if (index < 0) throw Garbage("an output that was not asked for");
        TensorSpec spec = layout.Outputs[index];
        if (_isPlaced[index]) throw Garbage($"output '{spec.Name}' twice");
        if (type != spec.DataType) throw Garbage($"output '{spec.Name}' of type {type.WireName()} instead of {spec.DataType.WireName()}");
        if (!hasShape || !Fits(shape, spec, rows) || !shape.TryCountElements(out long elements))
        {
            throw Garbage($"output '{spec.Name}' in shape {shape} for a batch of {rows.ToString(CultureInfo.InvariantCulture)}, where {Expected(spec, rows)} was expected");
        }

        // An output of no elements may come without a size: there is nothing to be sent.
        if (size < 0 && elements == 0) size = 0;
        if (size < 0) throw Garbage($"output '{spec.Name}' not in binary form");
        int left = body.Length - offset;
        if (size > left) throw Garbage($"output '{spec.Name}' of {size} bytes, of which {left} are there");
        if (type != DataType.Bytes && (elements > int.MaxValue || elements * type.Size() != size)) throw Garbage($"output '{spec.Name}' of {size} bytes in shape {shape}");
        int[]? rowOffsets = type == DataType.Bytes ? ReadStrings(body.Block.Span.Slice(offset, (int)size), spec, elements, layout.IsBatching ? rows : 1) : null;
        if (spec.IsReshaped) shape = layout.ForRows(spec.ClientDims, rows);
        output.Place(index, type, shape, offset, (int)size, rowOffsets);
        offset += (int)size;
        _isPlaced[index] = true;
    }

    private int ReadName(ref Utf8JsonReader json)
    {
        Expect(ref json, JsonTokenType.String);
        for (int i = 0; i < layout.Outputs.Count; i++)
        {
            if (json.ValueTextEquals(layout.Outputs[i].Utf8Name)) return i;
        }

        return -1;
    }

    private static TensorShape ReadShape(ref Utf8JsonReader json)
    {
        TensorShape shape = default;
        Expect(ref json, JsonTokenType.StartArray);
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (json.TokenType != JsonTokenType.Number || !json.TryGetInt64(out long dimension) || !shape.TryAdd(dimension)) throw Garbage("a shape that is none");
        }

        return shape;
    }

    /// <returns>-1 when it is not given.</returns>
    private static long ReadSize(ref Utf8JsonReader json)
    {
        long size = -1;
        Expect(ref json, JsonTokenType.StartObject);
        while (NextMember(ref json))
        {
            if (!json.ValueTextEquals("binary_data_size"u8))
            {
                json.Skip();
                continue;
            }

            Expect(ref json, JsonTokenType.Number);
            if (!json.TryGetInt64(out size) || size < 0) throw Garbage("a size that is none");
        }

        return size;
    }

    private bool Fits(in TensorShape shape, TensorSpec spec, int rows)
    {
        int lead = layout.IsBatching ? 1 : 0;
        if (shape.Rank != spec.ModelDims.Rank + lead || (lead == 1 && shape[0] != rows)) return false;
        for (int i = 0; i < spec.ModelDims.Rank; i++)
        {
            if (spec.ModelDims[i] != -1 && spec.ModelDims[i] != shape[i + lead]) return false;
        }

        return true;
    }

    private string Expected(TensorSpec spec, int rows) => layout.ForRows(spec.ModelDims, rows).ToString();

    /// <returns>Where each row begins, and at the end where the last one ends.</returns>
    private static int[] ReadStrings(ReadOnlySpan<byte> raw, TensorSpec spec, long elements, int rows)
    {
        int[] offsets = new int[rows + 1];
        ReadOnlySpan<byte> rest = raw;
        long rowElements = elements / rows;
        for (int row = 0; row < rows; row++)
        {
            for (long i = 0; i < rowElements; i++)
            {
                if (!RawStrings.TryRead(ref rest, out _)) throw Garbage($"output '{spec.Name}' of fewer strings than the {elements} of its shape");
            }

            offsets[row + 1] = raw.Length - rest.Length;
        }

        return rest.IsEmpty ? offsets : throw Garbage($"output '{spec.Name}' of more strings than the {elements} of its shape");
    }

    /// <returns>False at the end of the object.</returns>
    private static bool NextMember(ref Utf8JsonReader json) => json.Read() && json.TokenType == JsonTokenType.PropertyName;

    private static void Expect(ref Utf8JsonReader json, JsonTokenType token)
    {
        if (!json.Read() || json.TokenType != token) throw Garbage("JSON that is no answer");
    }

    private static UpstreamException Garbage(string what, Exception? inner = null) =>
        new(UpstreamFailure.Garbage, $"the server that runs the model answered with {what}", inner);
}
