using Gateway.Core.Overflow;
using Gateway.Core.Overflow.Affinity;
using Gateway.Core.Overflow.Replicas;

namespace Gateway.TestSupport.Simulation.Fleets;

/// <summary>Who decides: the code of the gateway, or one of those that it is compared with.</summary>
internal sealed class FleetRouting(FleetSetup setup, FleetNode[] nodes)
{
    private readonly HashRing? _ring = setup.HasAffinity ? new HashRing([.. nodes[0].Fleet.Watched.ToArray().Select(replica => replica.Address)]) : null;

    /// <param name="to">The replica, of <see cref="OverflowKind.Forward"/>.</param>
    public OverflowDecision Decide(FleetNode node, FleetRequest request, long now, out int to, out Sending sending)
    {
        OverflowQuestion question = node.Ask(request, now, isForwarded: false);
        to = -1;
        sending = default;
        if (setup.Routing == RoutingKind.Overflow)
        {
            uint tried = (uint)request.Tried;
            ReadOnlySpan<Replica> watched = node.Fleet.Watched.Span;
            OverflowDecision decision;
            if (_ring is not null)
            {
                Span<int> order = stackalloc int[OverflowPolicy.MostCandidates];
                order = order[.._ring.Find((ulong)request.Key, order)];
                decision = node.Fleet.Decide(question, FleetNode.Model, watched, ref tried, now, node.Random.Next(), out sending, order);
            }
            else
            {
                decision = node.Fleet.Decide(question, FleetNode.Model, watched, ref tried, now, node.Random.Next(), out sending);
            }

            request.Tried = tried;
            if (decision.Kind == OverflowKind.Forward) to = node.IndexOf(watched[decision.Candidate]);
            return decision;
        }

        // The others go elsewhere on overflow alone, but for the oracle.
        OverflowDecision here = OverflowPolicy.Decide(question, [], 0, node.Random.Next());
        bool mayGo = request.Attempt < OverflowPolicy.MostAttempts && (request.Attempt == 0 || question.HasToken);
        if (OverflowPolicy.StaysHere(question) || !mayGo || (here.Kind == OverflowKind.Local && setup.Routing != RoutingKind.Oracle)) return here;
        to = Pick(node, request, question, here.Kind == OverflowKind.Local, now);
        if (to < 0) return here;
        request.Tried |= 1UL << to;
        return new OverflowDecision(OverflowKind.Forward, HopTimeout: question.Remaining);
    }

    private int Pick(FleetNode node, FleetRequest request, in OverflowQuestion question, bool isGoodHere, long now)
    {
        switch (setup.Routing)
        {
            case RoutingKind.Oracle:
                double limit = 0.765 * question.Remaining;
                return Least(node, request, isGoodHere ? Math.Min(limit, 0.5 * question.Local) : limit, now, static (_, other, now, each) => other.Server.Predict(now) + (other.Coming * each) + FleetSimulator.Hop);
            case RoutingKind.LeastRequests:
                return Least(node, request, double.MaxValue, now, static (from, other, _, _) => from.InFlight[other.Index]);
            case RoutingKind.TwoChoices:
                int first = Draw(node, request);
                int second = Draw(node, request);
                return first >= 0 && node.InFlight[second] < node.InFlight[first] ? second : first;
            case RoutingKind.Random:
                return Draw(node, request);
            case RoutingKind.RoundRobin:
                for (int i = 0; i < nodes.Length; i++)
                {
                    node.Turn = (node.Turn + 1) % nodes.Length;
                    if (IsOpen(node, request, node.Turn)) return node.Turn;
                }

                return -1;
            default:
                return -1;
        }
    }

    private int Least(FleetNode node, FleetRequest request, double limit, long now, Func<FleetNode, FleetNode, long, double, double> cost)
    {
        int best = -1;
        double each = 1e6 / setup.Server.RowsPerSecond;
        for (int i = 0; i < nodes.Length; i++)
        {
            if (!IsOpen(node, request, i)) continue;
            double its = cost(node, nodes[i], now, each * nodes[i].Server.Pace);
            if (its > limit || (best >= 0 && its == limit)) continue;
            limit = its;
            best = i;
        }

        return best;
    }

    private int Draw(FleetNode node, FleetRequest request)
    {
        int open = 0;
        for (int i = 0; i < nodes.Length; i++) open += IsOpen(node, request, i) ? 1 : 0;
        if (open == 0) return -1;
        int left = node.Random.NextBelow(open);
        for (int i = 0; i < nodes.Length; i++)
        {
            if (IsOpen(node, request, i) && left-- == 0) return i;
        }

        return -1;
    }

    private static bool IsOpen(FleetNode node, FleetRequest request, int other) => other != node.Index && (request.Tried & (1UL << other)) == 0;
}
