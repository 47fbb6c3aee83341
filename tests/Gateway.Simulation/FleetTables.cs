using Gateway.TestSupport.Simulation.Fleets;

namespace Gateway.Simulation;

/// <summary>What fleets answer in time, by who decides where a request goes.</summary>
internal static class FleetTables
{
    private static readonly double[] Loads = [0.7, 0.9, 1, 1.2, 3];

    private static readonly (string Name, RoutingKind Kind)[] Routings =
    [
        ("no overflow", RoutingKind.None),
        ("random", RoutingKind.Random),
        ("round robin (YARP RoundRobin)", RoutingKind.RoundRobin),
        ("fewest in flight (YARP LeastRequests)", RoutingKind.LeastRequests),
        ("two choices in flight (YARP PowerOfTwoChoices)", RoutingKind.TwoChoices),
        ("**this gateway**", RoutingKind.Overflow),
        ("oracle", RoutingKind.Oracle),
    ];

    public static void Print(TextWriter to)
    {
        PrintLoads(to, nodes: 30);
        PrintLoads(to, nodes: 3);
        PrintSlow(to);
    }

    private static void PrintLoads(TextWriter to, int nodes)
    {
        to.WriteLine($"{nodes} replicas, a third of them get 80 % of the requests: answers in time as % of capacity (p99 in ms, forwarded per request)");
        to.WriteLine();
        to.WriteLine($"| who decides | {string.Join(" | ", Loads.Select(load => $"{100 * load:F0} %"))} |");
        to.WriteLine($"|---|{string.Concat(Loads.Select(_ => "---|"))}");
        foreach ((string name, RoutingKind kind) in Routings)
        {
            to.Write($"| {name} |");
            foreach (double load in Loads)
            {
                FleetResult result = FleetSimulator.Run(new FleetSetup(nodes, load) { Routing = kind, IsSkewed = true, Time = FleetSetup.Second });
                to.Write($" {100 * result.Goodput:F1} ({result.Percentile(0.99):F0}, {result.ForwardedShare:F2}) |");
            }

            to.WriteLine();
        }

        to.WriteLine();
    }

    private static void PrintSlow(TextWriter to)
    {
        to.WriteLine("One replica five times slower, even traffic, 90 % load: answers in time as % of those asked for (p99 in ms)");
        to.WriteLine();
        to.WriteLine("| who decides | 3 replicas | 30 replicas |");
        to.WriteLine("|---|---|---|");
        foreach ((string name, RoutingKind kind) in Routings)
        {
            to.Write($"| {name} |");
            foreach (int nodes in (int[])[3, 30])
            {
                FleetResult result = FleetSimulator.Run(new FleetSetup(nodes, 0.9) { Routing = kind, HasSlowNode = true, Time = FleetSetup.Second });
                to.Write($" {100 * result.ShareInTime:F1} ({result.Percentile(0.99):F0}) |");
            }

            to.WriteLine();
        }
    }
}
