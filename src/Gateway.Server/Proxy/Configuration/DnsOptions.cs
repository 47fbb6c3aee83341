namespace Gateway.Server.Proxy.Configuration;

/// <summary>How the names in <c>dns+</c> and <c>srv+</c> addresses are resolved: section <c>Gateway:Dns</c>.</summary>
public sealed record DnsOptions
{
    /// <summary>Name servers, as <c>address</c> or <c>address:port</c>; empty for the system's. At most 8.</summary>
    public IReadOnlyList<string> NameServers { get; init; } = [];

    /// <summary>Time for one query, 0.1 to 30 s. It is sent twice at most.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Least time that an answer is used for, whatever its time to live says: 0.1 s to 1 h.</summary>
    public TimeSpan MinimumTtl { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Most time, likewise, no less than the least: a wrong time to live is not for ever.</summary>
    public TimeSpan MaximumTtl { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Time after which a name that could not be resolved is asked for again: 0.1 s to 1 h.</summary>
    public TimeSpan RetryInterval { get; init; } = TimeSpan.FromSeconds(5);
}
