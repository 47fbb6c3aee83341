using System.Text.Json;
using Gateway.Core.Execution;
using Gateway.Core.Models;
using Gateway.Protocol.Tensors;

namespace Gateway.Server.Remote.Http;

/// <summary>Reads what an upstream answered to a batch: JSON, and behind it the tensors in binary form.</summary>
/// <remarks><b>Threading</b>: one answer at a time. <b>Cost</b>: the tensors stay where they are; of the head nothing is copied.</remarks>
internal sealed class JsonAnswerReader(ModelLayout layout)
{
    private readonly AnswerOutputs _outputs = new(layout);

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
        _outputs.Begin();
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
        _outputs.End();
        if (offset != body.Length) throw Garbage($"{body.Length - offset} bytes more than its outputs have");
    }

    private void ReadOutput(ref Utf8JsonReader json, in AnswerBody body, int rows, BlockBatchOutput output, ref int offset)
    {
        if (json.TokenType != JsonTokenType.StartObject) throw Garbage("an output that is no object");
        int index = -1;
        DataType type = DataType.Invalid;
        TensorShape? shape = null;
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

        long elements = _outputs.Check(index, type, shape, rows);

        // An output of no elements may come without a size: there is nothing to be sent.
        if (size < 0 && elements == 0) size = 0;
        if (size < 0) throw Garbage($"output '{layout.Outputs[index].Name}' not in binary form");
        _outputs.Place(output, index, shape!.Value, elements, rows, body.Block.Span[..body.Length], offset, size);
        offset += (int)size;
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

    /// <returns>False at the end of the object.</returns>
    private static bool NextMember(ref Utf8JsonReader json) => json.Read() && json.TokenType == JsonTokenType.PropertyName;

    private static void Expect(ref Utf8JsonReader json, JsonTokenType token)
    {
        if (!json.Read() || json.TokenType != token) throw Garbage("JSON that is no answer");
    }

    private static UpstreamException Garbage(string what, Exception? inner = null) => AnswerOutputs.Garbage(what, inner);
}
