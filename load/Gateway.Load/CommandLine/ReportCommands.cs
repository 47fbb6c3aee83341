using System.CommandLine;
using System.Text;
using Gateway.Load.Reports;
using Gateway.Load.Reports.Html;
using Gateway.Load.Results;
using Spectre.Console;

namespace Gateway.Load.CommandLine;

/// <summary>Commands that need no server: they read reports and write others.</summary>
internal static class ReportCommands
{
    public static int Compare(ParseResult parsed, IAnsiConsole console, TextWriter error, string before, string after)
    {
        LoadReport first = ReportJson.Read(before);
        LoadReport second = ReportJson.Read(after);
        IReadOnlyList<ComparedValue> values = Comparison.Of(first, second);
        if (values.Count == 0) throw new LoadException(ExitCode.BadSettings, $"{before} ({first.Kind}) and {after} ({second.Kind}) have nothing in common: no scenario, carrier or setting is in both");
        Table table = new Table().Border(TableBorder.Rounded).AddColumn("");
        foreach (string column in (string[])[Path.GetFileName(before), Path.GetFileName(after), "change"]) table.AddColumn(new TableColumn(Markup.Escape(column)).RightAligned());
        foreach (ComparedValue value in values)
        {
            string change = value.IsBetter switch { true => $"[green]{value.Change}[/]", false => $"[red]{value.Change}[/]", _ => value.Change };
            table.AddRow(Markup.Escape(value.Name), value.Before, value.After, change);
        }

        console.Write(table);
        console.WriteLine(Comparison.Verdict(values));
        string prefix = parsed.GetValue(LoadOptions.Report) ?? "load-comparison";
        if (prefix == "none") return ExitCode.Good;
        int code = ExitCode.Good;
        foreach ((string path, string content) in new[]
        {
            ($"{prefix}.html", HtmlReport.Compare(first, second, Path.GetFileName(before), Path.GetFileName(after), values)),
            ($"{prefix}.md", ReportMarkdown.Compare(values)),
        })
        {
            if (ReportFiles.TryWrite(path, Encoding.UTF8.GetBytes(content), out string? problem)) continue;
            error.WriteLine($"gateway-load: the report could not be written: {path}: {problem}");
            code = ExitCode.ReportFailed;
        }

        if (code == ExitCode.Good) console.WriteLine($"Reports: {prefix}.html, {prefix}.md");
        return code;
    }

    public static int Merge(ParseResult parsed, IAnsiConsole console, TextWriter error, string[] args, string[] paths)
    {
        LoadReport merged = Merging.Merge([.. paths.Select(ReportJson.Read)], CommandText.Of(args));
        Display.Summary.Write(console, merged);
        console.WriteLine(Verdict.Of(merged));
        foreach (string warning in merged.Warnings) error.WriteLine($"gateway-load: {warning}");
        bool isWritten = Outcome.Write(merged, parsed.GetValue(LoadOptions.Report) ?? "load-report-merged", console, error);
        int code = Outcome.Code(merged, isWritten);
        return code == ExitCode.Good && !merged.IsVouchedFor ? ExitCode.ClientIsTheLimit : code;
    }

    public static int Draw(ParseResult parsed, IAnsiConsole console, TextWriter error, string path)
    {
        LoadReport report = ReportJson.Read(path);
        return Outcome.Write(report, parsed.GetValue(LoadOptions.Report) ?? Path.ChangeExtension(path, null), console, error) ? ExitCode.Good : ExitCode.ReportFailed;
    }
}
