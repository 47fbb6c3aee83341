using System.CommandLine;
using System.CommandLine.Parsing;
using Spectre.Console;

namespace Gateway.Load.CommandLine;

/// <summary>Turns arguments into a command, and mistakes into one line each.</summary>
internal static class LoadProgram
{
    /// <param name="console">For people: tables, progress.</param>
    public static int Run(string[] args, IAnsiConsole console, TextWriter error, CancellationToken stop)
    {
        RootCommand root = new("A load generator and capacity planner: open-model load with latencies from the intended time, reports, thresholds, capacity.\n\n  gateway-load http://localhost:8000 --model digits --rate 2000 --duration 30s");
        root.Add(LoadOptions.Target);
        foreach (Option option in LoadOptions.Common.Concat(LoadOptions.OfRun)) root.Add(option);
        Command capacity = new("capacity", "Find the highest rate that holds an objective, and say what limits it.") { LoadOptions.Target };
        foreach (Option option in LoadOptions.Common.Concat(LoadOptions.OfCapacity)) capacity.Add(option);
        Command prove = new("prove", "Find out how much load this client can offer, and what a call costs it: against a server in its own process that only answers.") { LoadOptions.Target };
        foreach (Option option in LoadOptions.Common.Except([LoadOptions.Metrics, LoadOptions.Accept, LoadOptions.SkipProof, LoadOptions.Report])) prove.Add(option);
        Command tune = new("tune", "Try settings of a model on copies of its repository, and draw the front of throughput and latency.");
        foreach (Option option in LoadOptions.Common.Concat(LoadOptions.OfTune)) tune.Add(option);
        Argument<string> before = new("before") { Description = "A report's JSON." };
        Argument<string> after = new("after") { Description = "Another's." };
        Command compare = new("compare", "Put two reports side by side.") { before, after, LoadOptions.Report };
        Argument<string[]> parts = new("reports") { Description = "Reports' JSON.", Arity = ArgumentArity.OneOrMore };
        Command merge = new("merge", "Make one report of those of several load processes.") { parts, LoadOptions.Report };
        Argument<string> report = new("report") { Description = "A report's JSON." };
        Command draw = new("draw", "Write a report's other files again from its JSON.") { report, LoadOptions.Report };
        foreach (Command command in (Command[])[capacity, prove, tune, compare, merge, draw]) root.Add(command);
        root.SetAction(parsed => Guard(error, () => RunCommand.Run(parsed, console, error, args, stop)));
        capacity.SetAction(parsed => Guard(error, () => CapacityCommand.Run(parsed, console, error, args, stop)));
        prove.SetAction(parsed => Guard(error, () => ProveCommand.Run(parsed, console, stop)));
        tune.SetAction(parsed => Guard(error, () => TuneCommand.Run(parsed, console, error, args, stop)));
        compare.SetAction(parsed => Guard(error, () => ReportCommands.Compare(parsed, console, error, parsed.GetValue(before)!, parsed.GetValue(after)!)));
        merge.SetAction(parsed => Guard(error, () => ReportCommands.Merge(parsed, console, error, args, parsed.GetValue(parts)!)));
        draw.SetAction(parsed => Guard(error, () => ReportCommands.Draw(parsed, console, error, parsed.GetValue(report)!)));

        // No response files: a header's value may start with @.
        ParseResult result = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (result.Errors.Count > 0)
        {
            foreach (ParseError mistake in result.Errors) error.WriteLine($"gateway-load: {mistake.Message}");
            return ExitCode.BadSettings;
        }

        return result.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }

    private static int Guard(TextWriter error, Func<int> command)
    {
        try
        {
            return command();
        }
        catch (LoadException exception)
        {
            foreach (string line in exception.Message.Split('\n')) error.WriteLine($"gateway-load: {line}");
            return exception.ExitCode;
        }
    }
}
