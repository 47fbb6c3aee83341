using System.Globalization;

namespace Gateway.Core.Models.Repository;

/// <summary>Why a version could not be loaded.</summary>
/// <param name="Version">0 for the model as a whole.</param>
internal sealed record LoadFailure(long Version, string Reason)
{
    public static LoadFailure OfModel(string reason) => new(0, reason);

    /// <summary>All failures of one try, for the client that asked for it: Triton's texts, with the reason where Triton leaves it to its log.</summary>
    public static string Describe(string model, IReadOnlyList<LoadFailure> failures)
    {
        if (failures[0].Version == 0) return $"failed to load '{model}', failed to poll from model repository: {failures[0].Reason}";
        return $"load failed for model '{model}': {string.Concat(failures.Select(each => $"version {each.Version.ToString(CultureInfo.InvariantCulture)} is at UNAVAILABLE state: {each.Reason};\n"))}";
    }

    /// <summary>Likewise, for the versions that go on in spite of it.</summary>
    public static string Summary(IReadOnlyList<LoadFailure> failures) =>
        "the last load failed: " + string.Join("; ", failures.Select(each => each.Version == 0 ? each.Reason : $"version {each.Version.ToString(CultureInfo.InvariantCulture)}: {each.Reason}"));
}
