namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>One value with its place: a <see cref="bool"/>, <see cref="long"/> (all integers and enumerations but <c>uint64</c>), <see cref="ulong"/>, <see cref="double"/>, <see cref="string"/> or <see cref="ConfigMessage"/>.</summary>
internal readonly record struct ConfigValue(object Value, ConfigPosition Position);

/// <summary>One message as it was written: its fields, their values and where they stand, whichever syntax they came in.</summary>
/// <remarks>Getters of absent fields answer protobuf's defaults; the caller names fields the schema has.</remarks>
internal sealed class ConfigMessage(MessageSchema schema)
{
    private readonly Dictionary<string, List<ConfigValue>> _values = new(StringComparer.Ordinal);

    /// <summary>Keys of the maps, so that finding a repeated one does not take longer with every entry.</summary>
    private readonly HashSet<(string Map, object Key)> _mapKeys = [];

    public MessageSchema Schema => schema;

    /// <summary>Fields that were written, each with its values in order.</summary>
    public IEnumerable<(FieldSchema Field, IReadOnlyList<ConfigValue> Values)> Written =>
        schema.Fields.Where(f => Has(f.Name)).Select(f => (f, (IReadOnlyList<ConfigValue>)_values[f.Name]));

    public bool Has(string name) => _values.ContainsKey(name);

    /// <summary>Why <paramref name="field"/> cannot be written (again); null when it can.</summary>
    public string? Refusal(FieldSchema field)
    {
        if (!field.IsRepeated && Has(field.Name)) return $"'{field.Name}' is given more than once";
        FieldSchema? other = field.OneOf is null ? null : schema.Fields.FirstOrDefault(f => f.OneOf == field.OneOf && Has(f.Name));
        return other is null ? null : $"'{field.Name}' cannot be given together with '{other.Name}': both choose the {field.OneOf}";
    }

    public void Add(FieldSchema field, object value, ConfigPosition position)
    {
        Touch(field);
        if (field.IsMap) _mapKeys.Add((field.Name, ((ConfigMessage)value).Key));
        _values[field.Name].Add(new ConfigValue(value, position));
    }

    /// <summary>Notes that a repeated field was written, even if with no values.</summary>
    public void Touch(FieldSchema field) => _values.TryAdd(field.Name, []);

    /// <summary>Whether a map already has this key.</summary>
    public bool HasEntry(FieldSchema field, object key) => _mapKeys.Contains((field.Name, key));

    public bool Bool(string name) => First(name) is true;

    public double Double(string name) => First(name) as double? ?? 0;

    public long Int(string name) => First(name) as long? ?? 0;

    public ulong UInt64(string name) => First(name) as ulong? ?? 0;

    public string Text(string name) => First(name) as string ?? "";

    public ConfigMessage? Message(string name) => First(name) as ConfigMessage;

    public IReadOnlyList<T> All<T>(string name) =>
        _values.TryGetValue(name, out List<ConfigValue>? values) ? [.. values.Select(v => (T)v.Value)] : [];

    /// <summary>For a map entry: its key, protobuf's default when it was left out.</summary>
    public object Key => First("key") ?? (schema.Find("key")!.Kind == FieldKind.String ? "" : 0UL);

    /// <summary>A map of strings.</summary>
    public Dictionary<string, string> TextMap(string name) =>
        All<ConfigMessage>(name).ToDictionary(e => (string)e.Key, e => e.Text("value"), StringComparer.Ordinal);

    /// <summary>A map of messages; an entry without a value is an empty message.</summary>
    public IEnumerable<(object Key, ConfigMessage Value)> MessageMap(string name) =>
        All<ConfigMessage>(name).Select(e => (e.Key, e.Message("value") ?? new ConfigMessage(e.Schema.Find("value")!.Message!)));

    private object? First(string name) => _values.TryGetValue(name, out List<ConfigValue>? values) && values.Count > 0 ? values[0].Value : null;
}
