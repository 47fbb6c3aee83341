using System.Text;

namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>A message's name and fields.</summary>
internal sealed class MessageSchema
{
    private readonly FieldSchema[] _fields;
    private readonly Dictionary<string, FieldSchema> _byName = new(StringComparer.Ordinal);
    private readonly Dictionary<string, FieldSchema> _byJsonName = new(StringComparer.Ordinal);

    public MessageSchema(string name, params FieldSchema[] fields)
    {
        Name = name;
        _fields = fields;
        foreach (FieldSchema field in fields)
        {
            _byName.Add(field.Name, field);
            _byJsonName.Add(JsonName(field.Name), field);
        }
    }

    public string Name { get; }

    public IReadOnlyList<FieldSchema> Fields => _fields;

    /// <summary>The field of this name, as the schema spells it; null when there is none.</summary>
    public FieldSchema? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>The field of this name or of its lowerCamelCase form, as protobuf's JSON allows both; null when there is none.</summary>
    public FieldSchema? FindJson(string name) => Find(name) ?? _byJsonName.GetValueOrDefault(name);

    /// <summary>The text of the error about a field that is not there.</summary>
    public string DescribeUnknown(string name)
    {
        string[] known = [.. _fields.Select(f => f.Name)];
        string suggestion = Suggestion.Closest(name, known) is { } closest ? $": did you mean '{closest}'?" : ".";
        return $"unknown field '{Suggestion.Shorten(name)}' in {Name}{suggestion} "
            + (known.Length == 0 ? "It has no fields." : $"Known fields: {string.Join(", ", known)}.");
    }

    private static string JsonName(string name)
    {
        StringBuilder json = new();
        bool upper = false;
        foreach (char c in name)
        {
            if (c != '_') json.Append(upper ? char.ToUpperInvariant(c) : c);
            upper = c == '_';
        }

        return json.ToString();
    }
}
