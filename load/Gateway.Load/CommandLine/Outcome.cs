using System.CommandLine;
using Gateway.Load.Display;
using Gateway.Load.Reports;
using Gateway.Load.Results;
using Gateway.Load.Running;
using Spectre.Console;

namespace Gateway.Load.CommandLine;

/// <summary>Ends a command: shows the report, writes its files, and says with which code to end.</summary>
internal static class Outcome
{
    private const string DefaultReport = "load-report";

    public static IRunDisplay DisplayOn(IAnsiConsole console) => console.Profile.Capabilities.Interactive && !Console.IsOutputRedirected ? new TableDisplay(console) : new PlainDisplay(console.Profile.Out.Writer);

    /// <summary>Tries the report's path before anything is measured for it.</summary>
    /// <exception cref="LoadException">Nothing can be written there.</exception>
    public static void ThrowIfUnwritable(ParseResult parsed)
    {
        string prefix = parsed.GetValue(LoadOptions.Report) ?? DefaultReport;
        if (prefix != "none" && !ReportFiles.CanWrite($"{prefix}.json", out string? problem)) throw new LoadException(ExitCode.ReportFailed, $"the report could not be written: {prefix}.json: {problem}");
    }

    /// <param name="isNothing">Whether it was stopped before anything was measured: then an older report is left as it is.</param>
    public static int End(LoadReport report, ParseResult parsed, IAnsiConsole console, TextWriter error, bool isInterrupted, bool isNothing = false)
    {
        foreach (string warning in report.Warnings) error.WriteLine($"gateway-load: {warning}");
        if (isNothing)
        {
            error.WriteLine("gateway-load: stopped before anything was measured");
            return ExitCode.Interrupted;
        }

        string prefix = parsed.GetValue(LoadOptions.Report) ?? DefaultReport;
        if (!report.IsVouchedFor && !parsed.GetValue(LoadOptions.Accept))
        {
            error.WriteLine("gateway-load: no figures are reported, for they would be the client's and not the server's. Give the client more (--threads, another machine, a quieter one), ask for less, or take them as they are with --accept-client-limit.");
            KeepDoubtful(report, prefix, console, error);
            return isInterrupted ? ExitCode.Interrupted : ExitCode.ClientIsTheLimit;
        }

        Summary.Write(console, report);
        console.WriteLine(Verdict.Of(report));
        bool isWritten = Write(report, prefix, console, error);
        return isInterrupted ? ExitCode.Interrupted : Code(report, isWritten);
    }

    /// <summary>What a report comes to: the worst of what is wrong with it. A client's limit that was accepted is none of it, nor is that a threshold which failed has ended the run.</summary>
    public static int Code(LoadReport report, bool isWritten) =>
        report.Partial is not null && !(report.IsEndedByThreshold && !report.IsKept) ? ExitCode.Partial
        : report.Scenarios.Any(scenario => scenario.Wrong > 0) ? ExitCode.WrongAnswers
        : !isWritten ? ExitCode.ReportFailed
        : report.IsKept ? ExitCode.Good : ExitCode.ThresholdFailed;

    /// <returns>False when a file could not be written.</returns>
    public static bool Write(LoadReport report, string prefix, IAnsiConsole console, TextWriter error)
    {
        if (prefix == "none") return true;
        IReadOnlyList<string> written = ReportFiles.Write(report, prefix, out IReadOnlyList<string> problems);
        if (written.Count > 0) console.WriteLine($"Reports: {string.Join(", ", written)}");
        foreach (string problem in problems) error.WriteLine($"gateway-load: the report could not be written: {problem}");
        return problems.Count == 0;
    }

    /// <summary>Under a name of its own, so that it is taken for no other; what it holds says too that it is not vouched for.</summary>
    private static void KeepDoubtful(LoadReport report, string prefix, IAnsiConsole console, TextWriter error)
    {
        if (prefix == "none") return;
        string path = $"{prefix}.doubtful.json";
        if (ReportFiles.TryWrite(path, ReportJson.Write(report), out string? problem)) console.WriteLine($"What was measured all the same, and is not vouched for: {path}");
        else error.WriteLine($"gateway-load: {path}: {problem}");
    }
}
