namespace Gateway.FleetFaults;

/// <summary>One process of a place in the mesh, from when it serves until it is killed: its connections, and what clients have had from it.</summary>
/// <remarks>Clients have connections to a process, not to an address: what they get through one is of that process, whichever serves there since. <b>Threading</b>: any.</remarks>
internal sealed class MeshLife : IDisposable
{
    private readonly HttpClient _scraper = new();
    private readonly string _metrics;
    private volatile bool _isOver;

    public MeshLife(string address, string metrics)
    {
        _metrics = metrics;
        SocketsHttpHandler handler = new() { MaxConnectionsPerServer = 1024 };
        Client = new HttpClient(handler) { BaseAddress = new Uri(address), Timeout = TimeSpan.FromMinutes(1) };
    }

    public HttpClient Client { get; }

    /// <summary>Whether it was killed.</summary>
    public bool IsOver => _isOver;

    /// <summary>Answers that it has passed on from another gateway.</summary>
    public int Elsewhere;

    /// <summary>Its counters now.</summary>
    public async Task<MeshCounts> CountAsync() => MeshCounts.Parse(await _scraper.GetStringAsync(new Uri(_metrics)).ConfigureAwait(false));

    /// <summary>It is about to be killed.</summary>
    public void End() => _isOver = true;

    public void Dispose()
    {
        Client.Dispose();
        _scraper.Dispose();
    }
}
