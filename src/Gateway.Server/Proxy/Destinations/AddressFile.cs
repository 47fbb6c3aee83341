using System.Text.Json;

namespace Gateway.Server.Proxy.Destinations;

/// <summary>A file of addresses: one a line, or JSON.</summary>
/// <remarks>
/// A line is an address and, after spaces, words such as <c>weight=2</c>, which become the destination's metadata; <c>#</c> begins a comment. JSON is a list of
/// addresses, or of objects with an <c>address</c> and further names with text or number values. The file is looked at once a second.
/// </remarks>
internal sealed class AddressFile(string path) : IAddressSource
{
    private const int MostBytes = 1 << 20;
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    public async Task<FoundAddresses> FindAsync(CancellationToken cancellation)
    {
        try
        {
            if (new FileInfo(path).Length > MostBytes) throw new ResolutionException($"{path}: is larger than {MostBytes} bytes");
            return new FoundAddresses(Parse(await File.ReadAllTextAsync(path, cancellation).ConfigureAwait(false)), Period);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or FormatException)
        {
            throw new ResolutionException($"{path}: {error.Message}", error);
        }
    }

    /// <exception cref="FormatException">It is not such a file; the message names the line or entry.</exception>
    public static IReadOnlyList<FoundAddress> Parse(string text)
    {
        List<FoundAddress> found = [];
        if (text.AsSpan().TrimStart() is ['[', ..]) ReadJson(text, found);
        else ReadLines(text, found);
        if (found.Count > FoundAddresses.Most) throw new FormatException($"{found.Count} addresses are too many (allowed {FoundAddresses.Most})");
        return found;
    }

    private static void ReadLines(string text, List<FoundAddress> found)
    {
        int number = 0;
        foreach (ReadOnlySpan<char> line in text.EnumerateLines())
        {
            number++;
            int comment = line.IndexOf('#');
            string[] words = (comment < 0 ? line : line[..comment]).ToString().Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            if (words.Length == 0) continue;
            Add(found, words[0], words[1..], $"line {number}");
        }
    }

    private static void ReadJson(string text, List<FoundAddress> found)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text, new JsonDocumentOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip });
            int number = 0;
            foreach (JsonElement entry in document.RootElement.EnumerateArray())
            {
                string where = $"entry {++number}";
                if (entry.ValueKind == JsonValueKind.String)
                {
                    Add(found, entry.GetString()!, [], where);
                    continue;
                }

                if (entry.ValueKind != JsonValueKind.Object || !entry.TryGetProperty("address", out JsonElement address) || address.ValueKind != JsonValueKind.String)
                {
                    throw new FormatException($"{where}: is neither an address nor an object that has one");
                }

                Add(found, address.GetString()!, [.. entry.EnumerateObject().Where(property => property.Name != "address").Select(property => $"{property.Name}={property.Value}")], where);
            }
        }
        catch (JsonException error)
        {
            throw new FormatException(error.Message, error);
        }
        catch (Exception error) when (error is InvalidOperationException or ArgumentException)
        {
            // Text with half a surrogate pair is JSON, and no text.
            throw new FormatException(error.Message, error);
        }
    }

    private static void Add(List<FoundAddress> found, string address, string[] words, string where)
    {
        if (DestinationAddress.Parse(address, out DestinationAddress parsed) is { } problem) throw new FormatException($"{where}: {problem}");
        if (parsed.Kind != AddressKind.Static) throw new FormatException($"{where}: '{address}' is to be looked up itself (allowed http://, https://)");
        foreach (string word in words)
        {
            if (word.IndexOf('=', StringComparison.Ordinal) < 1 || word.AsSpan().IndexOfAny(" \t\r\n") >= 0) throw new FormatException($"{where}: '{word}' is not name=value");
        }

        Array.Sort(words, StringComparer.Ordinal);
        FoundAddress one = new(parsed.Target, null, string.Join(' ', words));
        if (found.Any(other => other.Address == one.Address)) throw new FormatException($"{where}: '{address}' is there more than once");
        found.Add(one);
    }
}
