using System.CommandLine;
using Gateway.Load.Results;
using Gateway.Load.Running;
using Gateway.Load.Scenarios;
using Spectre.Console;

namespace Gateway.Load.CommandLine;

/// <summary><c>gateway-load prove TARGET …</c>: how much load this client can offer over each carrier, and what a call costs it.</summary>
internal static class ProveCommand
{
    // From what it makes in the closed model down to a tenth of it.
    private const double Down = 0.94;
    private const int MostSteps = 36;

    public static int Run(ParseResult parsed, IAnsiConsole console, CancellationToken stop)
    {
        PlanReader reader = new(parsed);
        IReadOnlyList<ScenarioPlan> plans = CapacityCommand.Plans(parsed, reader);
        reader.ThrowIfWrong();
        List<Preparation> prepared = [.. plans.Select(plan => Preparation.Create(plan, TimeProvider.System))];
        console.WriteLine("Against a server in this process that only answers, with the payloads and answers of the target's; open: the highest rate of which 98 % are answered at once and 99 % sent within 1 ms.");
        console.WriteLine("| carrier | threads | open, calls/s | client CPU a call | closed, calls/s | client CPU a call |");
        console.WriteLine("|---|---:|---:|---:|---:|---:|");
        foreach (Preparation each in prepared)
        {
            if (stop.IsCancellationRequested) return ExitCode.Interrupted;
            ProofResult closed = ClientProof.Try(each, TimeProvider.System, stop);
            ProofResult? highest = null;
            double rate = closed.Rate;
            for (int step = 0; step < MostSteps && highest is null && !stop.IsCancellationRequested; step++)
            {
                rate *= Down;
                ProofResult proof = ClientProof.Try(each, TimeProvider.System, stop, new LoadSimulation(SimulationKind.Inject, 1) { Rate = rate });
                if (proof.IsGood) highest = proof;
            }

            string open = highest is null ? "none | –" : $"{Quantity.Number(highest.Wanted)} | {Quantity.Number(highest.CpuMicroseconds)} µs";
            console.WriteLine($"| {each.Plan.Carrier.Name} | {each.Plan.Threads} | {open} | {Quantity.Number(closed.Rate)} | {Quantity.Number(closed.CpuMicroseconds)} µs |");
        }

        return stop.IsCancellationRequested ? ExitCode.Interrupted : ExitCode.Good;
    }
}
