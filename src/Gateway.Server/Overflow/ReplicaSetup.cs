using System.Globalization;
using Gateway.Server.Proxy.Destinations;

namespace Gateway.Server.Overflow;

/// <summary>A replica as it is configured.</summary>
/// <param name="Address">Where it is, such as <c>http://10.0.0.2:8000</c>.</param>
/// <param name="Weight">How often it is drawn beside others; 0 for never.</param>
/// <param name="IsNear">Whether it is in the zone of this gateway, or no zones are set.</param>
/// <param name="GrpcAddress">Where it serves gRPC, such as <c>http://10.0.0.2:8001</c>; null where it says so itself, or nobody does.</param>
/// <param name="Host">The name that it was found by, as in a header; null for that of the address.</param>
internal sealed record ReplicaSetup(string Address, int Weight = 1, bool IsNear = true, string? GrpcAddress = null, string? Host = null)
{
    private const int MostWeight = 1000;

    /// <summary>Takes a setting apart: an address, and words after it, as in a line of an address file.</summary>
    /// <param name="words">Names and values.</param>
    /// <returns>Null, or what is wrong.</returns>
    public static string? Parse(string text, out DestinationAddress address, out IReadOnlyList<KeyValuePair<string, string>> words)
    {
        string[] parts = text.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        words = [];
        if (DestinationAddress.Parse(parts.Length > 0 ? parts[0] : "", out address) is { } problem) return problem;
        List<KeyValuePair<string, string>> found = [];
        foreach (string part in parts.AsSpan(1))
        {
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1) return $"'{part}' is not name=value";
            found.Add(KeyValuePair.Create(part[..equals], part[(equals + 1)..]));
            if (IsGrpc(found[^1].Key) && GrpcOf(new Uri("http://h"), found[^1].Value) is null) return $"'{part}' is not valid (allowed grpc=8001 for a port of the same host, or grpc=http://host:8001)";
        }

        words = found;
        return null;
    }

    /// <param name="words">What is said of it: <c>weight</c>, <c>zone</c> and <c>grpc</c> count, in small letters or not, the last of each; others are for other readers.</param>
    /// <param name="zone">This gateway's; null for none.</param>
    public static ReplicaSetup From(Uri address, IEnumerable<KeyValuePair<string, string>> words, string? zone, string? host = null)
    {
        int weight = 1;
        string? itsZone = null;
        string? grpc = null;
        foreach ((string name, string value) in words)
        {
            if (name.Equals("weight", StringComparison.OrdinalIgnoreCase) && int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number)) weight = Math.Min(number, MostWeight);
            if (name.Equals("zone", StringComparison.OrdinalIgnoreCase)) itsZone = value;
            if (IsGrpc(name)) grpc = GrpcOf(address, value);
        }

        return new ReplicaSetup(address.OriginalString.TrimEnd('/'), weight, zone is null || itsZone == zone, grpc, host);
    }

    private static bool IsGrpc(string name) => name.Equals("grpc", StringComparison.OrdinalIgnoreCase);

    /// <returns>Null for what is neither a port nor an address.</returns>
    private static string? GrpcOf(Uri address, string value)
    {
        if (ushort.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) && port > 0) return new UriBuilder(address.Scheme, address.Host, port).Uri.ToString();
        return DestinationAddress.Parse(value, out DestinationAddress parsed) is null && parsed.Kind == AddressKind.Static && parsed.Target.AbsolutePath.Length <= 1 ? parsed.Target.ToString() : null;
    }
}
