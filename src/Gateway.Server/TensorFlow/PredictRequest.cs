using System.Globalization;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;
using Gateway.Server.OpenInference;

namespace Gateway.Server.TensorFlow;

/// <summary>Reads the body of a predict call into a request of its model.</summary>
/// <remarks>
/// <b>Behaviour</b>: shapes are those of the nested lists, which must be even. Members that are not known are ignored; content after the object is refused, which TensorFlow Serving does not.
/// <b>Cost</b>: the document is gone through once to see its shape, and its values are read once; rows of several inputs are collected first.
/// </remarks>
internal static class PredictRequest
{

    /// <param name="exchange">Its request is filled.</param>
    /// <exception cref="InferenceException">It is no such call, or does not fit the model.</exception>
    public static PredictForm Read(ReadOnlySpan<byte> json, InferExchange exchange)
    {
        JsonCursor cursor = new(json);
        cursor.ReadRoot();
        int rows = -1;
        int columns = -1;
        bool isFirst = true;
        while (cursor.TryNextMember(ref isFirst, out JsonString name))
        {
            cursor.Peek();
            if (name.Is("instances"u8) && rows < 0) rows = cursor.Position;
            else if (name.Is("inputs"u8) && columns < 0) columns = cursor.Position;
            else if (name.Is("signature_name"u8) && cursor.Peek() != '"') throw Errors.Invalid("'signature_name' key must be a string value.");
            cursor.SkipValue();
        }

        cursor.ReadEnd();
        if (rows < 0 && columns < 0) throw Errors.Invalid("Missing 'inputs' or 'instances' key");
        if (rows >= 0 && columns >= 0) throw Errors.Invalid("Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist");
        cursor.Position = Math.Max(rows, columns);
        if (rows >= 0) ReadRows(ref cursor, exchange);
        else ReadColumns(ref cursor, exchange);
        return rows >= 0 ? PredictForm.Rows : PredictForm.Columns;
    }

    private static void ReadRows(ref JsonCursor cursor, InferExchange exchange)
    {
        if (cursor.Peek() != '[') throw Errors.Invalid("Expecting 'instances' to be an list/array");
        JsonCursor first = cursor;
        first.TryTake((byte)'[');
        if (first.Peek() == ']') throw Errors.Invalid("No values in 'instances' array");
        ServedModel model = exchange.Request!.Model;
        if (first.Peek() == '{' && !IsBase64(first))
        {
            ReadNamedRows(ref cursor, exchange, model);
            return;
        }

        if (model.Inputs.Count != 1)
        {
            throw Errors.Invalid("instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map");
        }

        Fill(exchange, 0, cursor);
    }

    /// <summary>Collects each input's values, for the rows have them by turns.</summary>
    private static void ReadNamedRows(ref JsonCursor cursor, InferExchange exchange, ServedModel model)
    {
        TextBuffer[] columns = [.. model.Inputs.Select(_ => new TextBuffer(exchange.Pool))];
        try
        {
            cursor.TryTake((byte)'[');
            bool isFirst = true;
            for (int row = 0; cursor.TryNextElement(ref isFirst); row++) ReadNamedRow(ref cursor, columns, model, row);
            for (int i = 0; i < columns.Length; i++)
            {
                columns[i].Write((byte)']');
                Fill(exchange, i, new JsonCursor(columns[i].Written));
            }
        }
        finally
        {
            foreach (TextBuffer column in columns) column.Clear();
        }
    }

    private static void ReadNamedRow(ref JsonCursor cursor, TextBuffer[] columns, ServedModel model, int row)
    {
        string at = row.ToString(CultureInfo.InvariantCulture);
        if (cursor.Peek() != '{') throw Errors.Invalid($"Expecting object but got {(cursor.Peek() == '[' ? "list" : "value")} at item {at} of input list");
        cursor.TryTake((byte)'{');
        ulong seen = 0;
        int count = 0;
        bool isFirst = true;
        while (cursor.TryNextMember(ref isFirst, out JsonString name))
        {
            int input = InferExchange.IndexOf(model.Inputs, name);
            if (input < 0 || input >= 64 || (seen & (1UL << input)) != 0) throw WrongKeys(model, at);
            seen |= 1UL << input;
            count++;
            columns[input].Write(row == 0 ? (byte)'[' : (byte)',');
            cursor.Peek();
            ReadOnlySpan<byte> rest = cursor.Rest;
            int start = cursor.Position;
            cursor.SkipValue();
            columns[input].Write(rest[..(cursor.Position - start)]);
        }

        if (count != model.Inputs.Count) throw WrongKeys(model, at);
    }

    private static void ReadColumns(ref JsonCursor cursor, InferExchange exchange)
    {
        ServedModel model = exchange.Request!.Model;
        if (cursor.Peek() != '{' || IsBase64(cursor))
        {
            if (model.Inputs.Count != 1) throw Errors.Invalid("inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map");
            Fill(exchange, 0, cursor);
            return;
        }

        cursor.TryTake((byte)'{');
        bool isFirst = true;
        while (cursor.TryNextMember(ref isFirst, out JsonString name))
        {
            int input = InferExchange.IndexOf(model.Inputs, name);
            cursor.Peek();
            if (input >= 0 && !exchange.Request.Inputs[input].IsPresent) Fill(exchange, input, cursor);
            cursor.SkipValue();
        }

        for (int i = 0; i < model.Inputs.Count; i++)
        {
            if (!exchange.Request.Inputs[i].IsPresent) throw Errors.Invalid($"Missing named input: {model.Inputs[i].Name} in 'inputs' object.");
        }
    }

    /// <summary>Makes the value at a place an input.</summary>
    private static void Fill(InferExchange exchange, int index, JsonCursor value)
    {
        TensorSpec spec = exchange.Request!.Model.Inputs[index];
        if (spec.DataType is DataType.Fp16 or DataType.Bf16) throw new InferenceException(StatusCode.Unsupported, $"Conversion of JSON Value to type: {(spec.DataType == DataType.Fp16 ? "half" : "bfloat16")}");
        JsonCursor walk = value;
        TensorShape shape = NestedShape.Read(ref walk);
        if (!shape.TryCountElements(out long elements)) throw Errors.NoMemory();
        int offset;
        int bytes;
        if (spec.DataType == DataType.Bytes)
        {
            offset = exchange.Reserve(TensorJsonReader.MostRawBytes(walk.Position - value.Position + 2));
            bytes = PredictStrings.Read(ref value, exchange.Request.Block!.Span[offset..], spec.Name);
        }
        else
        {
            if (elements > int.MaxValue / spec.DataType.Size()) throw Errors.NoMemory();
            bytes = (int)elements * spec.DataType.Size();
            offset = exchange.Reserve(bytes);
            ReadNumbers(ref value, exchange, spec, offset, bytes, isAlone: shape.Rank == 0, walk.Position);
        }

        exchange.Request.Inputs[index] = new InputTensor { DataType = spec.DataType, Shape = shape, Offset = offset, ByteLength = bytes };
    }

    private static void ReadNumbers(ref JsonCursor value, InferExchange exchange, TensorSpec spec, int offset, int bytes, bool isAlone, int end)
    {
        Span<byte> destination = bytes == 0 ? [] : exchange.Request!.Block!.Span.Slice(offset, bytes);
        JsonString name = new(spec.Utf8Name, hasEscapes: false);
        if (!isAlone)
        {
            TensorJsonReader.ReadFixed(ref value, spec.DataType, destination, name);
            return;
        }

        // The reader of tensors wants brackets.
        byte[] list = [(byte)'[', .. value.Rest[..(end - value.Position)], (byte)']'];
        JsonCursor cursor = new(list);
        TensorJsonReader.ReadFixed(ref cursor, spec.DataType, destination, name);
    }

    /// <summary>Whether an object is a string that is written in base64: that and nothing else.</summary>
    private static bool IsBase64(JsonCursor cursor)
    {
        cursor.TryTake((byte)'{');
        bool isFirst = true;
        return cursor.TryNextMember(ref isFirst, out JsonString name) && name.Is("b64"u8);
    }

    private static InferenceException WrongKeys(ServedModel model, string row) =>
        Errors.Invalid($"Failed to process element: {row} of 'instances' list. JSON object keys must be equal to: {string.Join(',', model.Inputs.Select(input => input.Name))}");
}
