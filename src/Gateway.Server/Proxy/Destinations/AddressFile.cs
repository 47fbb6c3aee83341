using System.Text.Json;

namespace Gateway.Server.Proxy.Destinations;

/// <summary>A file of addresses: one a line, or JSON.</summary>
/// <remarks>
/// A line is an address and, after spaces, words such as <c>weight=2</c>, which become the destination's metadata; <c>#</c> begins a comment. JSON is a list of
/// addresses, or of objects with an <c>address</c> and further names with text or number values. The file is looked at once a second; a change counts once two looks in a row have found the same, or
/// half of a file that is being written would be taken for a list that has become shorter.
/// </remarks>
internal sealed class AddressFile(string path, TimeProvider? time = null) : IAddressSource
{
    private const int MostBytes = 1 << 20;
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(100);

    private string? _taken;

    public async Task<FoundAddresses> FindAsync(CancellationToken cancellation)
    {
        try
        {
            string text = await ReadAsync(cancellation).ConfigureAwait(false);
            if (text != _taken)
            {
                await Task.Delay(BetweenLooks, time ?? TimeProvider.System, cancellation).ConfigureAwait(false);
                if (await ReadAsync(cancellation).ConfigureAwait(false) != text) throw new ResolutionException($"{path}: is being written");
            }

            IReadOnlyList<FoundAddress> found = Parse(text);
            _taken = text;
            return new FoundAddresses(found, Period);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or FormatException)
        {
            throw new ResolutionException($"{path}: {error.Message}", error);
        }
    }

    private Task<string> ReadAsync(CancellationToken cancellation) =>
        new FileInfo(path).Length <= MostBytes ? File.ReadAllTextAsync(path, cancellation) : throw new ResolutionException($"{path}: is larger than {MostBytes} bytes");

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
