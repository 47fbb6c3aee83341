using System.Globalization;
using System.Text.Json;

namespace Gateway.Load.Scenarios.Files;

/// <summary>Reads the members of one object of a scenario file, and collects what is wrong with them.</summary>
internal sealed class FileValues
{
    private readonly LocatedJson _value;
    private readonly string _file;
    private readonly List<string> _problems;

    /// <param name="known">Names that a member may have.</param>
    public FileValues(LocatedJson value, string file, List<string> problems, params ReadOnlySpan<string> known)
    {
        _value = value;
        _file = file;
        _problems = problems;
        if (value.Type != JsonTokenType.StartObject)
        {
            Complain(value, "must be an object");
            return;
        }

        foreach ((string name, LocatedJson member) in value.Members)
        {
            if (!known.Contains(name)) Complain(member, $"is not known here (known are {string.Join(", ", known.ToArray())})");
        }
    }

    public bool Has(string name) => _value.Members.ContainsKey(name);

    public LocatedJson? Get(string name) => _value.Members.GetValueOrDefault(name);

    public void Complain(string name, string problem)
    {
        if (Get(name) is { } member) Complain(member, problem);
        else _problems.Add($"{_file}:{_value.Line}: {(_value.Path.Length == 0 ? name : $"{_value.Path}.{name}")}: {problem}");
    }

    public void Complain(LocatedJson at, string problem) => _problems.Add($"{_file}:{at.Line}: {(at.Path.Length == 0 ? "the file" : at.Path)}: {problem}");

    public string Text(string name, string otherwise = "")
    {
        if (Get(name) is not { } member) return otherwise;
        if (member.Type == JsonTokenType.String) return member.Text;
        Complain(member, "must be a string");
        return otherwise;
    }

    public bool Flag(string name)
    {
        if (Get(name) is not { } member) return false;
        if (member.Type is not (JsonTokenType.True or JsonTokenType.False)) Complain(member, "must be true or false");
        return member.Type == JsonTokenType.True;
    }

    public double Number(string name, double otherwise, double least, double most, bool isRequired = false)
    {
        if (Get(name) is not { } member)
        {
            if (isRequired) Complain(name, "is missing");
            return otherwise;
        }

        if (member.Type == JsonTokenType.Number && double.TryParse(member.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value >= least && value <= most) return value;
        Complain(member, string.Create(CultureInfo.InvariantCulture, $"must be a number from {least} to {most}"));
        return otherwise;
    }

    public int Whole(string name, int otherwise, int least, int most, bool isRequired = false)
    {
        double value = Number(name, otherwise, least, most, isRequired);
        if (value == Math.Floor(value)) return (int)value;
        Complain(name, "must be a whole number");
        return otherwise;
    }

    /// <summary>Seconds; as text with a unit, or as a number.</summary>
    public double Duration(string name, double otherwise, bool isRequired = false)
    {
        if (Get(name) is not { } member)
        {
            if (isRequired) Complain(name, "is missing (such as \"30s\")");
            return otherwise;
        }

        if (member.Type is JsonTokenType.String or JsonTokenType.Number && Durations.TryParse(member.Text, out double seconds)) return seconds;
        Complain(member, "must be a duration, such as \"30s\" or \"500ms\"");
        return otherwise;
    }

    public IReadOnlyList<LocatedJson> List(string name)
    {
        if (Get(name) is not { } member) return [];
        if (member.Type == JsonTokenType.StartArray) return member.Items;
        Complain(member, "must be an array");
        return [];
    }

    public IReadOnlyList<string> Texts(string name)
    {
        List<string> texts = [];
        foreach (LocatedJson item in List(name))
        {
            if (item.Type == JsonTokenType.String) texts.Add(item.Text);
            else Complain(item, "must be a string");
        }

        return texts;
    }
}
