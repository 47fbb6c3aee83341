using System.Globalization;

namespace Gateway.Load.ServerMetrics;

/// <summary>Reads Prometheus's text format: one value a series.</summary>
internal static class PrometheusText
{
    /// <summary>Series by name and labels, as they stand. Lines that are none are left out.</summary>
    /// <param name="names">Of which series are wanted; null for all.</param>
    public static Dictionary<string, double> Parse(string page, HashSet<string>? names = null)
    {
        HashSet<string>.AlternateLookup<ReadOnlySpan<char>>? wanted = names?.GetAlternateLookup<ReadOnlySpan<char>>();
        Dictionary<string, double> series = [];
        foreach (ReadOnlySpan<char> line in page.AsSpan().EnumerateLines())
        {
            if (line.IsEmpty || line[0] == '#') continue;
            if (wanted is { } those && !those.Contains(line[..Math.Max(0, line.IndexOfAny('{', ' '))])) continue;
            int end = line.LastIndexOf('}') + 1;
            int space = line[end..].IndexOf(' ');
            if (space < 0) continue;
            ReadOnlySpan<char> rest = line[(end + space)..].Trim();

            // A timestamp may follow the value.
            int after = rest.IndexOf(' ');
            if (after >= 0) rest = rest[..after];
            if (double.TryParse(rest, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)) series[line[..(end + space)].ToString()] = value;
        }

        return series;
    }

    /// <summary>The value of a label; null without.</summary>
    /// <param name="series">Name and labels.</param>
    public static string? Label(string series, string label)
    {
        string start = $"{label}=\"";
        for (int at = series.IndexOf(start, StringComparison.Ordinal); at >= 0; at = series.IndexOf(start, at + 1, StringComparison.Ordinal))
        {
            if (at == 0 || series[at - 1] is not ('{' or ',')) continue;
            int from = at + start.Length;
            int to = series.IndexOf('"', from);
            return to < 0 ? null : series[from..to];
        }

        return null;
    }
}
