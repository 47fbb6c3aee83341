namespace Gateway.Server.Proxy.Destinations;

/// <summary>How a destination's addresses are found.</summary>
internal enum AddressKind
{
    /// <summary>It is one.</summary>
    Static,

    /// <summary>A and AAAA records of a name.</summary>
    Dns,

    /// <summary>SRV records of a service's name.</summary>
    Srv,

    /// <summary>A file that is watched.</summary>
    File,
}
