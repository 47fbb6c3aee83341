using System.Text;
using Gateway.Load.Reports.Html;
using Gateway.Load.Results;

namespace Gateway.Load.Reports;

/// <summary>Writes a report's four files.</summary>
internal static class ReportFiles
{
    /// <param name="prefix">Path without ending.</param>
    /// <param name="problems">What could not be written, and why.</param>
    /// <returns>Paths written.</returns>
    public static IReadOnlyList<string> Write(LoadReport report, string prefix, out IReadOnlyList<string> problems)
    {
        List<string> written = [];
        List<string> failed = [];

        // The JSON first: all others can be made of it again.
        Write(".json", () => ReportJson.Write(report));
        Write(".html", () => Encoding.UTF8.GetBytes(HtmlReport.Write(report)));
        Write(".csv", () => Encoding.UTF8.GetBytes(ReportCsv.Write(report)));
        Write(".md", () => Encoding.UTF8.GetBytes(ReportMarkdown.Write(report)));
        problems = failed;
        return written;

        void Write(string ending, Func<byte[]> content)
        {
            string path = prefix + ending;
            if (TryWrite(path, content(), out string? problem)) written.Add(path);
            else failed.Add($"{path}: {problem}");
        }
    }

    /// <summary>Whether something could be written there now; nothing is.</summary>
    public static bool CanWrite(string path, out string? problem)
    {
        bool isThere = File.Exists(path);
        try
        {
            if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder) Directory.CreateDirectory(folder);
            new FileStream($"{path}.unfinished", FileMode.Create).Dispose();
            File.Delete($"{path}.unfinished");
            if (isThere) new FileStream(path, FileMode.Open, FileAccess.ReadWrite).Dispose();
            problem = Directory.Exists(path) ? "it is a folder" : null;
            return problem is null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            problem = exception.Message;
            return false;
        }
    }

    /// <summary>Writes a file whole or not at all: one that was there stays until the new one is complete.</summary>
    public static bool TryWrite(string path, byte[] content, out string? problem)
    {
        string unfinished = $"{path}.unfinished";
        try
        {
            if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder) Directory.CreateDirectory(folder);
            using (FileStream stream = new(unfinished, FileMode.Create))
            {
                stream.Write(content);
                stream.Flush(flushToDisk: true);
            }

            File.Move(unfinished, path, overwrite: true);
            problem = null;
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            problem = exception.Message;
            try
            {
                File.Delete(unfinished);
            }
            catch (Exception second) when (second is IOException or UnauthorizedAccessException or ArgumentException)
            {
                // What cannot be written cannot always be removed.
            }

            return false;
        }
    }
}
