namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>Tells where each setting of a configuration stands in its text.</summary>
/// <remarks>A setting's path is written <c>input[0].dims[1]</c>, a map's entry <c>parameters["key"]</c>.</remarks>
internal sealed class ConfigSource
{
    private readonly Dictionary<string, ConfigPosition> _positions = new(StringComparer.Ordinal);
    private readonly string _root;

    /// <param name="name">The file, or what stands for it.</param>
    /// <param name="root">What paths start with in errors: <c>$</c> for JSON, nothing for text.</param>
    /// <param name="message">The configuration, as read.</param>
    public ConfigSource(string name, string root, ConfigMessage message)
    {
        Name = name;
        _root = root;
        Collect("", message);
    }

    public string Name { get; }

    /// <summary>An error about a setting, placed at the setting or, when it was not written, at what it belongs to.</summary>
    public ModelConfigError ErrorAt(string path, string message)
    {
        string shown = _root.Length == 0 || path.Length == 0 ? _root + path : $"{_root}.{path}";
        for (string at = path; at.Length > 0; at = Parent(at))
        {
            if (_positions.TryGetValue(at, out ConfigPosition position))
            {
                return new ModelConfigError(Name, position.Line, position.Column, shown, message);
            }
        }

        return new ModelConfigError(Name, 0, 0, shown, message);
    }

    /// <summary>The path of a map's entry.</summary>
    public static string Entry(string path, object key) => key is string text ? $"{path}[\"{Suggestion.Shorten(text)}\"]" : $"{path}[{key}]";

    private static string Parent(string path) => path[..Math.Max(0, path.LastIndexOfAny(['.', '[']))];

    private void Collect(string prefix, ConfigMessage message)
    {
        foreach ((FieldSchema field, IReadOnlyList<ConfigValue> values) in message.Written)
        {
            string path = prefix + field.Name;
            for (int i = 0; i < values.Count; i++)
            {
                // The first value of a repeated field also places the field as a whole.
                _positions.TryAdd(path, values[i].Position);
                if (field.IsMap) CollectEntry(path, (ConfigMessage)values[i].Value, values[i].Position);
                else CollectValue(field.IsRepeated ? $"{path}[{i}]" : path, values[i].Value, values[i].Position);
            }
        }
    }

    private void CollectEntry(string path, ConfigMessage entry, ConfigPosition position) =>
        CollectValue(Entry(path, entry.Key), entry.Message("value"), position);

    private void CollectValue(string path, object? value, ConfigPosition position)
    {
        _positions[path] = position;
        if (value is ConfigMessage message) Collect(path + ".", message);
    }
}
