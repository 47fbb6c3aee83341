using System.Text;
using Gateway.Harness.Models;
using Gateway.Load.Reports.Html;

namespace Gateway.Harness.Results;

/// <summary>Draws all recorded results over time, as one page that needs nothing else.</summary>
internal static class ResultsPage
{
    public const string Command = "page";

    /// <param name="arguments">The folder of results; none for the repository's.</param>
    /// <returns>The exit code.</returns>
    public static int Run(IReadOnlyList<string> arguments)
    {
        string folder = arguments.Count > 0 ? arguments[0] : Path.Combine(RepositoryRoot.Path, "bench", "results");
        string file = Path.Combine(folder, "index.html");
        try
        {
            RecordedRun[] runs = [.. Directory.GetFiles(folder, "*.json").Select(RecordedRun.Read).OrderBy(run => run.Date)];
            File.WriteAllText(file, HtmlPage.Write("What was measured, and when", Script(), new { runs }));
            Console.WriteLine($"{file}: {runs.Length} results of {runs.Select(run => run.Scenario).Distinct().Count()} scenarios");
            return 0;
        }
        catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"error: {error.Message}");
            return 1;
        }
    }

    private static string Script()
    {
        using Stream stream = typeof(ResultsPage).Assembly.GetManifestResourceStream("results.js")!;
        using StreamReader reader = new(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
