using System.Net;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Gateway.Load.Reports.Html;

/// <summary>A page with charts as one HTML file that needs nothing else: style, script and data are in it.</summary>
internal static class HtmlPage
{
    // The default encoder escapes <, > and &, so that no text of a server can end the script element.
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.Default, Converters = { new FiniteNumber() } };

    /// <param name="script">What draws the page, after charts.js.</param>
    /// <param name="data">What it draws.</param>
    public static string Write(string title, string script, object data) => Resource("page.html")
        .Replace("{{title}}", WebUtility.HtmlEncode(title), StringComparison.Ordinal)
        .Replace("{{style}}", Resource("report.css"), StringComparison.Ordinal)
        .Replace("{{script}}", Resource("charts.js") + script, StringComparison.Ordinal)
        .Replace("{{data}}", JsonSerializer.Serialize(data, Options), StringComparison.Ordinal);

    /// <summary>A file of the folder Page.</summary>
    public static string Resource(string name)
    {
        using Stream stream = typeof(HtmlPage).Assembly.GetManifestResourceStream(name)!;
        using StreamReader reader = new(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
