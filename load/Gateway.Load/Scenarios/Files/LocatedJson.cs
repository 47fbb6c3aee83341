using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Gateway.Load.Scenarios.Files;

/// <summary>A JSON value that knows where it stands, so that whoever finds fault with it can say so.</summary>
/// <param name="Path">Such as <c>scenarios[0].rate</c>; empty for the whole.</param>
/// <param name="Line">From 1.</param>
internal sealed record LocatedJson(JsonTokenType Type, string Path, int Line)
{
    /// <summary>Of a string or a number.</summary>
    public string Text { get; private init; } = "";

    public IReadOnlyDictionary<string, LocatedJson> Members { get; private init; } = new Dictionary<string, LocatedJson>();

    public IReadOnlyList<LocatedJson> Items { get; private init; } = [];

    /// <summary>Comments and trailing commas are allowed: people write these files.</summary>
    /// <exception cref="JsonException">It is no JSON; the line is in the exception.</exception>
    public static LocatedJson Parse(byte[] utf8)
    {
        Utf8JsonReader reader = new(utf8, new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        List<int> lines = [0];
        for (int i = 0; i < utf8.Length; i++)
        {
            if (utf8[i] == '\n') lines.Add(i + 1);
        }

        reader.Read();
        try
        {
            LocatedJson root = Read(ref reader, "", lines);
            reader.Read();
            return root;
        }
        catch (InvalidOperationException exception)
        {
            // A string that is not UTF-8, or half a surrogate pair.
            throw new JsonException(exception.Message, null, LineOf((int)reader.TokenStartIndex, lines) - 1, null, exception);
        }
    }

    private static int LineOf(int position, List<int> lines) => lines.BinarySearch(position) is var found && found >= 0 ? found + 1 : ~found;

    private static LocatedJson Read(ref Utf8JsonReader reader, string path, List<int> lines)
    {
        LocatedJson value = new(reader.TokenType, path, LineOf((int)reader.TokenStartIndex, lines));
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                Dictionary<string, LocatedJson> members = [];
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    string name = reader.GetString()!;
                    reader.Read();
                    LocatedJson member = Read(ref reader, path.Length == 0 ? name : $"{path}.{name}", lines);
                    if (!members.TryAdd(name, member)) throw new JsonException($"'{member.Path}' comes twice", null, member.Line - 1, null);
                }

                return value with { Members = members };
            case JsonTokenType.StartArray:
                List<LocatedJson> items = [];
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray) items.Add(Read(ref reader, string.Create(CultureInfo.InvariantCulture, $"{path}[{items.Count}]"), lines));
                return value with { Items = items };
            case JsonTokenType.String:
                return value with { Text = reader.GetString()! };
            default:
                return value with { Text = Encoding.UTF8.GetString(reader.ValueSpan) };
        }
    }
}
