using System.Text.Json;

namespace Gateway.Core.Scheduling;

/// <summary>The reasons as clients and metrics see them.</summary>
public static class RefusalReasons
{
    // Snake case, as metrics have it.
    private static readonly string[] Names = [.. Enum.GetNames<RefusalReason>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName)];

    public static int Count => Names.Length;

    /// <summary>Those that a model can have: the first so many.</summary>
    public static int CountOfModel => (int)RefusalReason.DeadlineSkipped + 1;

    /// <summary>The name on the wire, such as <c>deadline_unreachable</c>; null for None.</summary>
    public static string? WireName(this RefusalReason reason) => reason == RefusalReason.None ? null : Names[(int)reason];
}
