namespace Gateway.Server.Proxy.Destinations;

/// <summary>One of the addresses that a destination stands for.</summary>
/// <param name="Address">Such as <c>http://10.0.0.7:8000/</c>.</param>
/// <param name="Host">The name that it was found by, for the header and for TLS; null for that of the address.</param>
/// <param name="Words">What was said of it beside, such as <c>weight=2</c>, names and values in turn sorted by name; empty for nothing.</param>
internal sealed record FoundAddress(Uri Address, string? Host, string Words)
{
    /// <summary>The words as metadata of a destination.</summary>
    public IEnumerable<KeyValuePair<string, string>> Metadata()
    {
        foreach (string word in Words.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = word.IndexOf('=', StringComparison.Ordinal);
            yield return KeyValuePair.Create(word[..equals], word[(equals + 1)..]);
        }
    }
}
