using Gateway.Core.Overflow.Replicas;
using Gateway.Core.Overflow.Reports;

namespace Gateway.TestSupport.Simulation.Fleets;

/// <summary>A request on its way from one replica to another, and its answer on the way back.</summary>
internal sealed class FleetSend(FleetRequest request, int from, int to, int boot, long until, Sending sending)
{
    public FleetRequest Request { get; } = request;

    public int From { get; } = from;

    public int To { get; } = to;

    /// <summary>The start of its sender that it is of: after the next one nobody waits for it.</summary>
    public int Boot { get; } = boot;

    /// <summary>When its sender tries it elsewhere.</summary>
    public long Until { get; } = until;

    public Sending Sending { get; } = sending;

    /// <summary>What became of it there, and what that replica said of itself.</summary>
    public HopOutcome Outcome { get; set; }

    public LoadReport? Report { get; set; }

    /// <summary>Whether nobody waits for it any more.</summary>
    public bool IsOver { get; set; }
}
