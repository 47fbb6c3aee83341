namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>Finds the known word somebody probably meant.</summary>
internal static class Suggestion
{
    /// <summary>The most edits between a slip and the word that was meant.</summary>
    private const int MaxDistance = 2;

    /// <summary>Longest piece of the input that an error text repeats, in characters.</summary>
    private const int MaxQuoted = 80;

    /// <summary>The known word nearest to <paramref name="word"/>; null when none is near.</summary>
    public static string? Closest(string word, IEnumerable<string> known) =>
        known.Where(k => Math.Abs(k.Length - word.Length) <= MaxDistance)
            .Select(k => (Word: k, Distance: Distance(word, k)))
            .Where(c => c.Distance <= Math.Min(MaxDistance, c.Word.Length / 2))
            .OrderBy(c => c.Distance)
            .Select(c => c.Word)
            .FirstOrDefault();

    /// <summary>A piece of input made safe for an error text: short, and on one line.</summary>
    public static string Shorten(string text, int most = MaxQuoted)
    {
        string cut = text.Length <= most ? text : string.Concat(text.AsSpan(0, most), "…");
        return string.Concat(cut.Select(c => char.IsControl(c) ? $"\\u{(int)c:x4}" : c.ToString()));
    }

    /// <summary>Levenshtein distance, ignoring case.</summary>
    private static int Distance(string a, string b)
    {
        int[] previous = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 0; i < a.Length; i++)
        {
            int[] current = new int[b.Length + 1];
            current[0] = i + 1;
            for (int j = 0; j < b.Length; j++)
            {
                int change = char.ToLowerInvariant(a[i]) == char.ToLowerInvariant(b[j]) ? 0 : 1;
                current[j + 1] = Math.Min(previous[j] + change, Math.Min(previous[j + 1], current[j]) + 1);
            }

            previous = current;
        }

        return previous[b.Length];
    }
}
