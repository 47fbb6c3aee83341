namespace Gateway.Server.Proxy.Destinations;

/// <summary>What a destination's <c>Address</c> says: where it is, or who is to be asked.</summary>
/// <param name="Target">For a name: the URI without its prefix. For a file: its URI.</param>
internal readonly record struct DestinationAddress(AddressKind Kind, Uri Target)
{
    private const string DnsPrefix = "dns+";
    private const string SrvPrefix = "srv+";

    /// <summary>Path of a watched file.</summary>
    public string Path => Target.LocalPath;

    /// <summary>Where the addresses come from that it stands for; of one that is not static.</summary>
    /// <param name="names">Gives the resolver, which may change.</param>
    public IAddressSource ToSource(Func<DnsNames> names) => Kind == AddressKind.File ? new AddressFile(Path) : new DnsSource(this, names);

    /// <summary>Takes an address apart: <c>http(s)://…</c>, <c>dns+http(s)://name[:port][/path]</c>, <c>srv+http(s)://_service._proto.name[/path]</c> or <c>file:///path</c>.</summary>
    /// <returns>Null, or what is wrong.</returns>
    public static string? Parse(string text, out DestinationAddress address)
    {
        const string Allowed = "allowed http://, https://, each also with dns+ or srv+ before it, and file:///path";
        address = default;
        AddressKind kind = text.StartsWith(DnsPrefix, StringComparison.OrdinalIgnoreCase) ? AddressKind.Dns : text.StartsWith(SrvPrefix, StringComparison.OrdinalIgnoreCase) ? AddressKind.Srv : AddressKind.Static;
        string rest = kind == AddressKind.Static ? text : text[DnsPrefix.Length..];
        if (!Uri.TryCreate(rest, UriKind.Absolute, out Uri? target)) return $"'{text}' is not valid ({Allowed})";
        bool isHttp = target.Scheme == Uri.UriSchemeHttp || target.Scheme == Uri.UriSchemeHttps;
        if (!isHttp && !(kind == AddressKind.Static && target.IsFile && text.StartsWith("file:", StringComparison.OrdinalIgnoreCase))) return $"'{text}' is not valid ({Allowed})";
        if (target.IsFile)
        {
            if (target.Host.Length > 0) return $"'{text}' names a host (allowed file:///path)";
            address = new DestinationAddress(AddressKind.File, target);
            return null;
        }

        if (target.Host.Length == 0 || target.UserInfo.Length > 0 || target.Query.Length > 0 || target.Fragment.Length > 0) return $"'{text}' is not valid (allowed host, port and path)";
        if (kind != AddressKind.Static && target.HostNameType is UriHostNameType.IPv4 or UriHostNameType.IPv6) return $"'{text}' names no name to be resolved";
        if (kind == AddressKind.Srv && !target.IsDefaultPort) return $"'{text}' has a port, which SRV records say";
        address = new DestinationAddress(kind, target);
        return null;
    }
}
