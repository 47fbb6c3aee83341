using System.Net;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Gateway.Load.Results;

namespace Gateway.Load.Reports.Html;

/// <summary>Reports as one HTML file that needs nothing else: style, script and data are in it.</summary>
internal static class HtmlReport
{
    // The default encoder escapes <, > and &, so that no text of a server can end the script element.
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.Default };

    public static string Write(LoadReport report) => Page($"Load report, {report.Started:yyyy-MM-dd HH:mm}", "report.js", JsonSerializer.Serialize(ChartData.Of(report), Options));

    /// <summary>Two runs side by side.</summary>
    public static string Compare(LoadReport before, LoadReport after, string beforeName, string afterName) => Page(
        "Load reports compared",
        "compare.js",
        JsonSerializer.Serialize(new { beforeName, afterName, before = ChartData.Of(before), after = ChartData.Of(after), values = Comparison.Of(before, after) }, Options));

    private static string Page(string title, string script, string data) => Resource("page.html")
        .Replace("{{title}}", WebUtility.HtmlEncode(title), StringComparison.Ordinal)
        .Replace("{{style}}", Resource("report.css"), StringComparison.Ordinal)
        .Replace("{{script}}", Resource("charts.js") + Resource(script), StringComparison.Ordinal)
        .Replace("{{data}}", data, StringComparison.Ordinal);

    private static string Resource(string name)
    {
        using Stream stream = typeof(HtmlReport).Assembly.GetManifestResourceStream(name)!;
        using StreamReader reader = new(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
