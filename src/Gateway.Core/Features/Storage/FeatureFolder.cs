using Gateway.Core.Caching.Keys;
using Gateway.Core.Caching.Storage;

namespace Gateway.Core.Features.Storage;

/// <summary>The folder that a view keeps on disk: the cache's, a file <c>view</c> with what its rows are, one <c>loaded</c> with the files that were, and one <c>lost</c> when rows are gone that nobody deleted.</summary>
/// <remarks>
/// What was kept for rows of another kind, or is damaged, is moved aside and not deleted: it may have been the view's configuration that was wrong. <b>Ownership</b>: holds the lock until it is disposed.
/// </remarks>
internal sealed class FeatureFolder : IDisposable
{
    private const string Loaded = "loaded";
    private const string Lost = "lost";

    // Before a line of what was loaded: some of its rows may be gone; all of them were deleted, so that none can be lost.
    private const string Partly = "? ";
    private const string Deleted = "- ";

    private readonly string _path;
    private readonly CacheFolder _folder;

    /// <exception cref="IOException">It cannot be used, or another process does.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be used.</exception>
    /// <exception cref="InvalidDataException">It cannot be told what was deleted.</exception>
    public FeatureFolder(string path, string kind)
    {
        _path = path;
        _folder = new CacheFolder(path);
        try
        {
            OldLogs = _folder.OldLogs;
            SetAside = _folder.SetAside;
            HasLost = File.Exists(Path.Combine(path, Lost));
            if (SetAside is not null) ForgetLoaded();
            else if (HasLost) DoubtLoaded();
            ClearedAt = _folder.ReadCleared().GetValueOrDefault(0UL);
            string file = Path.Combine(path, "view");
            string? before = File.Exists(file) ? File.ReadAllText(file) : null;
            if (before == kind) return;
            if (before is not null && OldLogs.Count > 0)
            {
                SetAside = _folder.MoveAside(OldLogs);
                OldLogs = [];
                ForgetLoaded();
            }

            Write("view", kind);
        }
        catch
        {
            _folder.Dispose();
            throw;
        }
    }

    public CacheSecret Secret => _folder.Secret;

    public string Log => _folder.Log;

    /// <summary>Logs to take rows over from, in their order.</summary>
    public IReadOnlyList<string> OldLogs { get; }

    /// <summary>Where rows of another kind, or sealed with a secret that is lost, were moved to; null when there were none.</summary>
    public string? SetAside { get; }

    /// <summary>When all rows were last deleted, in milliseconds of Unix time; 0 for never.</summary>
    public long ClearedAt { get; }

    /// <summary>Writes down that all rows are deleted, those of files that were loaded too.</summary>
    /// <exception cref="IOException">It cannot be written down.</exception>
    public void WriteCleared(long time)
    {
        _folder.WriteCleared(new Dictionary<ulong, long> { [0] = time });
        if (ReadLines() is { Length: > 0 } lines) WriteLines(lines.Select(line => Deleted + FileOf(line)));
    }

    /// <summary>What <see cref="WriteLoaded"/> wrote last, and nobody has doubted since; empty for nothing.</summary>
    public IReadOnlyList<string> ReadLoaded() => [.. ReadLines().Where(line => !line.StartsWith(Partly, StringComparison.Ordinal)).Select(FileOf)];

    /// <summary>What it wrote, and some of whose rows may be gone.</summary>
    public IReadOnlyList<string> ReadLoadedPartly() => [.. ReadLines().Where(line => line.StartsWith(Partly, StringComparison.Ordinal)).Select(FileOf)];

    /// <summary>Some of the rows of what was loaded may be gone.</summary>
    public void DoubtLoaded()
    {
        if (ReadLines() is { Length: > 0 } lines) WriteLines(lines.Select(line => line.StartsWith(Deleted, StringComparison.Ordinal) ? line : Partly + FileOf(line)));
    }

    /// <summary>Whether <see cref="WriteLost"/> was called by an earlier life, and <see cref="ForgetLost"/> by none since.</summary>
    public bool HasLost { get; }

    /// <summary>Writes down that rows are gone, which may be of what was loaded.</summary>
    public void WriteLost()
    {
        Write(Lost, "");
        DoubtLoaded();
    }

    public void ForgetLost() => File.Delete(Path.Combine(_path, Lost));

    /// <summary>Moves a file of a log aside.</summary>
    /// <returns>The folder that it is in now.</returns>
    public string MoveAside(string file) => _folder.MoveAside([file]);

    /// <summary>Writes down which files have been loaded, a line each; whole or not at all.</summary>
    public void WriteLoaded(IReadOnlyList<string> files)
    {
        string[] before = ReadLines();
        WriteLines(files.Select(file => before.Contains(Deleted + file) ? Deleted + file : file));
    }

    public void Dispose() => _folder.Dispose();

    private static string FileOf(string line) =>
        line.StartsWith(Partly, StringComparison.Ordinal) || line.StartsWith(Deleted, StringComparison.Ordinal) ? line[Partly.Length..] : line;

    private string[] ReadLines() => File.Exists(Path.Combine(_path, Loaded)) ? File.ReadAllLines(Path.Combine(_path, Loaded)) : [];

    private void WriteLines(IEnumerable<string> lines) => Write(Loaded, string.Join('\n', lines));

    private void ForgetLoaded() => File.Delete(Path.Combine(_path, Loaded));

    private void Write(string name, string text)
    {
        string file = Path.Combine(_path, name);
        File.WriteAllText(file + ".new", text);
        File.Move(file + ".new", file, overwrite: true);
    }
}
