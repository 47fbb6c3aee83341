using System.Buffers;
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
    // What a shell would take for something else.
    private static readonly SearchValues<char> Quoted = SearchValues.Create(" <>\"'&|;$*?()`\\#");

    private const string DefaultReport = "load-report";

    public static IRunDisplay DisplayOn(IAnsiConsole console) => console.Profile.Capabilities.Interactive && !Console.IsOutputRedirected ? new TableDisplay(console) : new PlainDisplay(console.Profile.Out.Writer);

    /// <summary>The command as it could be given again.</summary>
    public static string CommandText(string[] args) => $"gateway-load {string.Join(' ', args.Select(arg => arg.Length > 0 && !arg.AsSpan().ContainsAny(Quoted) ? arg : $"'{arg.Replace("'", "'\\''", StringComparison.Ordinal)}'"))}";

    public static int End(LoadReport report, ParseResult parsed, IAnsiConsole console, TextWriter error, bool isInterrupted)
    {
        foreach (string warning in report.Warnings) error.WriteLine($"gateway-load: {warning}");
        if (!report.IsVouchedFor && !parsed.GetValue(LoadOptions.Accept))
        {
            error.WriteLine("gateway-load: no figures are reported, for they would be the client's and not the server's. Give the client more (--threads, another machine, a quieter one), ask for less, or take them as they are with --accept-client-limit.");
            return ExitCode.ClientIsTheLimit;
        }

        Summary.Write(console, report);
        console.WriteLine(Verdict.Of(report));
        bool isWritten = Write(report, parsed.GetValue(LoadOptions.Report) ?? DefaultReport, console, error);
        return isInterrupted ? ExitCode.Interrupted
            : report.Partial is not null ? ExitCode.Partial
            : !report.IsVouchedFor ? ExitCode.ClientIsTheLimit
            : report.Scenarios.Any(scenario => scenario.Wrong > 0) ? ExitCode.WrongAnswers
            : !isWritten ? ExitCode.ReportFailed
            : report.IsKept ? ExitCode.Good : ExitCode.ThresholdFailed;
    }

    /// <returns>False when a file could not be written.</returns>
    public static bool Write(LoadReport report, string prefix, IAnsiConsole console, TextWriter error)
    {
        if (prefix == "none") return true;
        IReadOnlyList<string> written = ReportFiles.Write(report, prefix, out IReadOnlyList<string> problems);
        if (written.Count > 0) console.WriteLine($"Reports: {string.Join(", ", written)}");
        foreach (string problem in problems) error.WriteLine($"gateway-load: the report could not be written: {problem}");
        return problems.Count == 0;
    }
}
