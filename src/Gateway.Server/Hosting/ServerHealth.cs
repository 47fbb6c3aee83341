using Gateway.Core.Models;

namespace Gateway.Server.Hosting;

/// <summary>Answers whether the server is alive and ready, for health endpoints.</summary>
/// <remarks><b>Threading</b>: any thread; the phase only goes forward. <b>Cost</b>: no allocation while a server loads, exits, or is not strict.</remarks>
public sealed class ServerHealth(ModelCatalog catalog, ServerOptions options)
{
    private int _phase;

    public ServerPhase Phase => (ServerPhase)Volatile.Read(ref _phase);

    /// <summary>Whether the process works; true until it is gone. A server that exits is alive: to restart it would lose what it finishes.</summary>
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Performance", "CA1822", Justification = "Asked of the server, as IsReady is.")]
    public bool IsLive => true;

    /// <summary>Whether to send requests here. See <see cref="ServerOptions.StrictReadiness"/>.</summary>
    public bool IsReady => Phase == ServerPhase.Serving && (!options.StrictReadiness || catalog.AreAllReady);

    internal void Enter(ServerPhase phase)
    {
        int seen = Volatile.Read(ref _phase);
        while (seen < (int)phase)
        {
            int found = Interlocked.CompareExchange(ref _phase, (int)phase, seen);
            if (found == seen) return;
            seen = found;
        }
    }
}
