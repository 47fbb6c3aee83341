using System.Globalization;
using System.Net;
using System.Reflection;

namespace Gateway.Server.Hosting;

/// <summary>One setting: its names, its range, and how its text becomes its value.</summary>
public sealed class Setting
{
    /// <summary>The section of <c>appsettings.json</c> that settings lie in; <c>GATEWAY__</c> in environment variables is the same.</summary>
    public const string Section = "Gateway";

    private static readonly ServerOptions Defaults = new();
    private readonly PropertyInfo _property;
    private readonly SettingAttribute _attribute;
    private readonly Type _type;

    private Setting(PropertyInfo property, SettingAttribute attribute)
    {
        _property = property;
        _attribute = attribute;
        _type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
    }

    /// <summary>All settings, in the order of <see cref="ServerOptions"/>.</summary>
    public static IReadOnlyList<Setting> All { get; } =
        [.. typeof(ServerOptions).GetProperties().Where(property => property.IsDefined(typeof(SettingAttribute))).Select(property => new Setting(property, property.GetCustomAttribute<SettingAttribute>()!))];

    public string Name => _property.Name;

    /// <summary>Its name in configuration files.</summary>
    public string Key => $"{Section}:{Name}";

    public string EnvironmentVariable => $"{Section}__{Name}".ToUpperInvariant();

    public string Flag => _attribute.Flag;

    public string Description => _attribute.Description;

    /// <summary>Whether it may be given more than once.</summary>
    public bool IsList => _type == typeof(IReadOnlyList<string>);

    /// <summary>Whether the flag may stand alone, for true.</summary>
    public bool IsSwitch => _type == typeof(bool);

    /// <summary>What stands for the value in help.</summary>
    public string Placeholder => _type switch
    {
        _ when IsSwitch => "true|false",
        { IsEnum: true } => Allowed.Replace(", ", "|", StringComparison.Ordinal),
        _ when _type == typeof(IPAddress) => "address",
        _ when _type == typeof(TimeSpan) => "seconds",
        _ when _type == typeof(string) => "text",
        _ when IsList => Name == nameof(ServerOptions.ModelRepository) ? "folder" : "name",
        _ => "number",
    };

    /// <summary>The values that are allowed, for people.</summary>
    public string Allowed => _type switch
    {
        _ when IsSwitch => "true, false",
        { IsEnum: true } => string.Join(", ", Enum.GetNames(_type).Select(Spell)),
        _ when _type == typeof(IPAddress) => "an IPv4 or IPv6 address, localhost",
        _ when IsList || _type == typeof(string) => "a text that is not empty",
        _ => string.Create(CultureInfo.InvariantCulture, $"{_attribute.Minimum} to {_attribute.Maximum}"),
    };

    /// <summary>The default as a user would write it; empty when there is none.</summary>
    public string Default => Show(Defaults);

    /// <summary>The value in <paramref name="options"/> as a user would write it; empty when there is none.</summary>
    public string Show(ServerOptions options) => _property.GetValue(options) switch
    {
        bool value => value ? "true" : "false",
        Enum value => Spell(value.ToString()),
        TimeSpan value => value.TotalSeconds.ToString(CultureInfo.InvariantCulture),
        IReadOnlyList<string> value => string.Join(", ", value),
        var value => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "",
    };

    /// <summary>Sets the value from what was written.</summary>
    /// <param name="texts">At least one.</param>
    /// <returns>Null, or what is wrong.</returns>
    internal string? TrySet(ServerOptions options, IReadOnlyList<string> texts)
    {
        if (texts.Count > 1 && !IsList) return "is given more than once";
        object? value = IsList ? (texts.Any(string.IsNullOrWhiteSpace) ? null : texts) : Parse(texts[0].Trim());
        if (value is null) return $"'{texts[^1]}' is not valid (allowed {Allowed})";
        _property.SetValue(options, value);
        return null;
    }

    private object? Parse(string text)
    {
        if (IsSwitch) return ParseSwitch(text);
        if (_type.IsEnum) return ParseName(text);
        if (_type == typeof(IPAddress)) return ParseAddress(text);
        if (_type == typeof(string)) return text.Length > 0 ? text : null;
        if (!long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number)) return null;
        if (number < _attribute.Minimum || number > _attribute.Maximum) return null;
        if (_type == typeof(TimeSpan)) return TimeSpan.FromSeconds(number);
        return _type == typeof(int) ? (object)(int)number : number;
    }

    // As Triton: 1 and 0 are as good as words.
    private static object? ParseSwitch(string text) => text.ToLowerInvariant() switch
    {
        "true" or "1" => true,
        "false" or "0" => false,
        _ => null,
    };

    /// <summary>As users write the name of a value: <c>execution_count</c>.</summary>
    private static string Spell(string name) => string.Concat(name.Select((letter, i) => (i > 0 && char.IsUpper(letter) ? "_" : "") + char.ToLowerInvariant(letter)));

    // Not Enum.TryParse alone, which takes numbers for names.
    private object? ParseName(string text) =>
        Enum.GetNames(_type).FirstOrDefault(name => Spell(name).Equals(text, StringComparison.OrdinalIgnoreCase)) is { } found ? Enum.Parse(_type, found) : null;

    // IPAddress.TryParse takes "8000" for an address; a dot or a colon tells one from a number.
    private static IPAddress? ParseAddress(string text) =>
        text.Equals("localhost", StringComparison.OrdinalIgnoreCase) ? IPAddress.Loopback
        : (text.Contains(':', StringComparison.Ordinal) || text.Count(each => each == '.') == 3) && IPAddress.TryParse(text, out IPAddress? address) ? address
        : null;
}
