using System.Text.Json;
using Gateway.Core.Features.Configuration;
using Gateway.Files;
using Gateway.Protocol.Tensors;

namespace Gateway.Features;

/// <summary>A row on each line: <c>{"key": …, "row": […]}</c>, in any order; the row may nest as its shape does. Other members are passed over.</summary>
/// <remarks><b>Ownership</b>: owns the lines.</remarks>
internal sealed class JsonRowSource(LineReader lines, FeatureViewConfig config) : IFeatureSource
{
    private readonly int _size = config.DataType.Size();

    public long Position => lines.Position;

    public long Length => lines.Length;

    public bool TryNext(FeatureBatch batch)
    {
        if (!lines.TryNext(out ReadOnlySpan<byte> line)) return false;
        try
        {
            Read(line, batch);
            return true;
        }
        catch (Exception error) when (error is JsonException or InvalidDataException or InvalidOperationException)
        {
            throw new InvalidDataException($"line {lines.Number}: {error.Message}");
        }
    }

    public void Dispose() => lines.Dispose();

    private void Read(ReadOnlySpan<byte> line, FeatureBatch batch)
    {
        Utf8JsonReader json = new(line);
        byte[]? key = null;
        bool hasRow = false;
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject) throw new InvalidDataException("expected an object");
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("key"u8) && key is null)
            {
                json.Read();
                key = ReadKey(ref json);
            }
            else if (json.ValueTextEquals("row"u8) && !hasRow)
            {
                json.Read();
                hasRow = true;
                ReadRow(ref json, batch.NextRow());
            }
            else
            {
                json.Skip();
            }
        }

        // What follows is malformed, which this last read says.
        json.Read();
        if (!hasRow) throw new InvalidDataException("there is no 'row'");
        batch.Add(key ?? throw new InvalidDataException("there is no 'key'"));
    }

    private byte[] ReadKey(ref Utf8JsonReader json)
    {
        if (config.KeyType == DataType.Int64 ? json.TokenType != JsonTokenType.Number : json.TokenType != JsonTokenType.String) throw new InvalidDataException($"'key' is no {(config.KeyType == DataType.Int64 ? "integer" : "string")}");
        if (json.TokenType == JsonTokenType.Number || !json.ValueIsEscaped) return json.ValueSpan.ToArray();
        byte[] text = new byte[json.ValueSpan.Length];
        return text[..json.CopyString(text)];
    }

    private void ReadRow(ref Utf8JsonReader json, Span<byte> row)
    {
        int at = 0;
        int depth = json.CurrentDepth;
        if (json.TokenType != JsonTokenType.StartArray) throw new InvalidDataException("'row' is no array");
        while (json.Read() && (json.TokenType != JsonTokenType.EndArray || json.CurrentDepth != depth))
        {
            if (json.TokenType is JsonTokenType.StartArray or JsonTokenType.EndArray) continue;
            if (at == row.Length) throw Count("more");

            // A string stands for what JSON has no number for, such as "NaN".
            bool isOne = json.TokenType is JsonTokenType.Number or JsonTokenType.True or JsonTokenType.False or JsonTokenType.String;
            if (!isOne || !RowNumbers.TryParse(config.DataType, json.ValueSpan, row.Slice(at, _size))) throw new InvalidDataException($"element {at / _size} of 'row' is no {config.DataType.WireName()}");
            at += _size;
        }

        if (at < row.Length) throw Count("fewer");
    }

    private InvalidDataException Count(string what) => new($"'row' has {what} elements than the {config.RowBytes / _size} of a row of {config.DataType.WireName()} {config.Row}");
}
