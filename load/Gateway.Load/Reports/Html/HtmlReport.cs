using Gateway.Load.Results;

namespace Gateway.Load.Reports.Html;

/// <summary>Reports as pages.</summary>
internal static class HtmlReport
{
    public static string Write(LoadReport report) => HtmlPage.Write($"Load report, {report.Started:yyyy-MM-dd HH:mm}", HtmlPage.Resource("report.js"), ChartData.Of(report));

    /// <summary>Two runs side by side.</summary>
    public static string Compare(LoadReport before, LoadReport after, string beforeName, string afterName, IReadOnlyList<ComparedValue> values) => HtmlPage.Write(
        "Load reports compared",
        HtmlPage.Resource("compare.js"),
        new { beforeName, afterName, before = ChartData.Of(before), after = ChartData.Of(after), verdict = Comparison.Verdict(values), values });
}
