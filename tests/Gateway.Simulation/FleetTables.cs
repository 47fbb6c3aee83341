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
        PrintBursts(to);
        PrintFaults(to);
        PrintAffinity(to);
    }

    private static void PrintBursts(TextWriter to)
    {
        to.WriteLine();
        to.WriteLine("Each replica has bursts of four times its mean, 90 % load on average: answers in time as % of what the oracle's fleet answers");
        to.WriteLine();
        to.WriteLine("| who decides | 3 replicas | 30 replicas |");
        to.WriteLine("|---|---|---|");
        foreach ((string name, RoutingKind kind) in Routings)
        {
            to.Write($"| {name} |");
            foreach (int nodes in (int[])[3, 30])
            {
                FleetSetup setup = new(nodes, 0.9) { IsBursty = true, Time = (nodes == 3 ? 10 : 2) * FleetSetup.Second };
                double best = FleetSimulator.Run(setup with { Routing = RoutingKind.Oracle }).InTime;
                to.Write($" {100 * FleetSimulator.Run(setup with { Routing = kind }).InTime / best:F1} |");
            }

            to.WriteLine();
        }
    }

    private static void PrintFaults(TextWriter to)
    {
        to.WriteLine();
        to.WriteLine("One of 30 replicas (eight cores, 10 ms) fails for two seconds, 70 % load: requests that others forwarded, and that were lost by it");
        to.WriteLine();
        to.WriteLine("| who decides | freezes | takes all and answers nothing | ten times slower |");
        to.WriteLine("|---|---|---|---|");
        foreach ((string name, RoutingKind kind) in Routings)
        {
            if (kind is RoutingKind.None or RoutingKind.Oracle) continue;
            to.Write($"| {name} |");
            foreach (FaultKind fault in (FaultKind[])[FaultKind.Freeze, FaultKind.BlackHole, FaultKind.Slow])
            {
                FleetResult result = FleetSimulator.Run(new FleetSetup(30, 0.7)
                {
                    Routing = kind,
                    Server = ServerModel.Cores,
                    IsSkewed = true,
                    Time = 4 * FleetSetup.Second,
                    Faults = [new FleetFault(fault, 10, FleetSetup.Second, 3 * FleetSetup.Second)],
                });
                to.Write($" {result.Forwarded}, {result.ForwardedLost} |");
            }

            to.WriteLine();
        }
    }

    private static void PrintAffinity(TextWriter to)
    {
        to.WriteLine();
        to.WriteLine("Ten replicas whose caches hold 2000 of 20,000 answers each, asked for by Zipf's law at four times what they can compute, from empty caches: the second second");
        to.WriteLine();
        to.WriteLine("| | answered by a cache, % | refused, % | forwarded per request |");
        to.WriteLine("|---|---|---|---|");
        foreach (bool hasAffinity in (bool[])[false, true])
        {
            FleetResult result = FleetSimulator.Run(new FleetSetup(10, 4) { Keys = 20_000, Kept = 2000, HasAffinity = hasAffinity, WarmUp = FleetSetup.Second, Time = FleetSetup.Second });
            to.WriteLine($"| {(hasAffinity ? "affinity" : "by load alone")} | {100 * result.HitShare:F1} | {100 * result.RefusedShare:F1} | {result.ForwardedShare:F2} |");
        }
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
