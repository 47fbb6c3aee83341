using Gateway.Load.Scenarios;

namespace Gateway.Load.Capacity;

/// <summary>Connections to a server, and the calls under way on them that are to saturate it.</summary>
/// <param name="Window">Calls that a connection can have at a time.</param>
/// <param name="Copies">Of the closed model.</param>
/// <param name="MayGrow">Whether more may be tried: not where the connections are given by hand.</param>
internal readonly record struct Callers(int Connections, int Window, int Copies, bool MayGrow)
{
    // Enough for most, and no more than a server need keep.
    private const int UsualCopies = 512;

    // Where a client of one thread still offers what it can.
    private const int MostConnections = 1024;
    private const int MostCopies = 4096;

    /// <summary>Whether there may be twice as many.</summary>
    public bool CanGrow => MayGrow && Connections * 2 <= MostConnections && Copies * 2 <= MostCopies;

    /// <summary>Calls that may be under way in the open model.</summary>
    public int Room => Connections * Window;

    /// <summary>With one call a connection at least, and as many as are usual where it can have more.</summary>
    public static Callers Of(ScenarioPlan plan)
    {
        int connections = plan.AllConnections;
        int window = plan.Carrier.IsMultiplexed ? plan.Window : 1;
        return new Callers(connections, window, Math.Max(connections, Math.Min(UsualCopies, connections * window)), plan.Connections == 0);
    }

    public Callers Twice() => this with { Connections = Connections * 2, Copies = Copies * 2 };
}
