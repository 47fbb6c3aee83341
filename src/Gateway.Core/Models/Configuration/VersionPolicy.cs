namespace Gateway.Core.Models.Configuration;

/// <summary>Which of a model's versions are served.</summary>
public sealed record VersionPolicy
{
    private VersionPolicy(VersionPolicyKind kind, int count, IReadOnlyList<long> versions)
    {
        Kind = kind;
        Count = count;
        Versions = versions;
    }

    /// <summary>Every version.</summary>
    public static VersionPolicy All { get; } = new(VersionPolicyKind.All, 0, []);

    public VersionPolicyKind Kind { get; }

    /// <summary>How many of the highest version numbers, at least 1; only for <see cref="VersionPolicyKind.Latest"/>, else 0.</summary>
    public int Count { get; }

    /// <summary>The version numbers, as written; only for <see cref="VersionPolicyKind.Specific"/>, else empty.</summary>
    public IReadOnlyList<long> Versions { get; }

    /// <summary>The <paramref name="count"/> highest version numbers.</summary>
    public static VersionPolicy Latest(int count) => new(VersionPolicyKind.Latest, count, []);

    /// <summary>Exactly these versions.</summary>
    public static VersionPolicy Specific(IReadOnlyList<long> versions) => new(VersionPolicyKind.Specific, 0, versions);
}

/// <summary>The three ways to choose versions.</summary>
public enum VersionPolicyKind
{
    Latest,
    All,
    Specific,
}
