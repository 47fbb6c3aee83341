using System.Text.RegularExpressions;

namespace Gateway.Load.Scenarios;

/// <summary>Addresses as they are shown to others: what a query says may give access.</summary>
internal static partial class QueryText
{
    /// <summary>With <c>***</c> for the values of a query; what has none is left as it is.</summary>
    public static string WithoutValues(string address) => Value().Replace(address, "***");

    [GeneratedRegex(@"(?<=\?(?:[^#\s]*&)?[^=&#\s]*=)[^&#\s]+")]
    private static partial Regex Value();
}
