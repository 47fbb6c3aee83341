namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>An enumeration's values: name and number.</summary>
internal sealed class EnumSchema(string name, params (string Name, int Number)[] values)
{
    public string Name => name;

    /// <summary>All value names, for error texts.</summary>
    public IEnumerable<string> ValueNames => values.Select(v => v.Name);

    public bool IsDefined(long number) => values.Any(v => v.Number == number);

    /// <summary>The number of a value's name.</summary>
    public bool TryGetNumber(string valueName, StringComparison comparison, out int number)
    {
        foreach ((string candidate, int candidateNumber) in values)
        {
            if (!candidate.Equals(valueName, comparison)) continue;
            number = candidateNumber;
            return true;
        }

        number = 0;
        return false;
    }
}
