namespace Gateway.Server.Hosting;

/// <summary>Makes a property of <see cref="ServerOptions"/> a setting: names its flag and says what it does, its unit and its range.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SettingAttribute(string flag, string description) : Attribute
{
    /// <summary>The flag on the command line; Triton's name where Triton has one.</summary>
    public string Flag { get; } = flag;

    /// <summary>What it does, its unit, what 0 means; shown by <c>--help</c>.</summary>
    public string Description { get; } = description;

    /// <summary>Smallest number allowed.</summary>
    public long Minimum { get; init; }

    /// <summary>Largest number allowed.</summary>
    public long Maximum { get; init; } = int.MaxValue;
}
