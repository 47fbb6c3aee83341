using System.Globalization;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Caching.Storage;

namespace Gateway.Core.Features.Storage;

/// <summary>The folder that a view keeps on disk: the cache's, a file <c>view</c> with what its rows are, one <c>loaded</c> with the files that were and the order from which on, and one <c>lost</c> when rows are gone that nobody deleted.</summary>
/// <remarks>
/// What was kept for rows of another kind, or is damaged, is moved aside and not deleted: it may have been the view's configuration that was wrong. <b>Ownership</b>: holds the lock until it is disposed.
/// </remarks>
internal sealed class FeatureFolder : IDisposable
{
    private const string Loaded = "loaded";
    private const string Lost = "lost";

    // Of what was deleted, beside the time: the highest order then.
    private const ulong OrderId = 1;

    // Begins a line of what was loaded some of whose rows may be gone.
    private const string Doubt = "? ";

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
            Dictionary<ulong, long> cleared = _folder.ReadCleared();
            ClearedAt = cleared.GetValueOrDefault(0UL);
            ClearedOrder = cleared.GetValueOrDefault(OrderId);
            KnownOrder = Math.Max(ClearedOrder, ReadLoaded().Select(loaded => loaded.Order).DefaultIfEmpty().Max());
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

    /// <summary>The highest order of entries then.</summary>
    public long ClearedOrder { get; private set; }

    /// <summary>The highest order that was written down: entries go on from there though none of that time is left.</summary>
    public long KnownOrder { get; }

    /// <summary>Writes down that all rows are deleted: at once with those of files that were loaded, which is told by their order.</summary>
    /// <exception cref="IOException">It cannot be written down.</exception>
    public void WriteCleared(long time, long order)
    {
        _folder.WriteCleared(new Dictionary<ulong, long> { [0] = time, [OrderId] = order });
        ClearedOrder = order;
    }

    /// <summary>What <see cref="WriteLoaded"/> wrote last, and what is doubted of that since. Of a file whose rows were all deleted none can be lost.</summary>
    public IReadOnlyList<LoadedFile> ReadLoaded() => [.. ReadLines().Select(Parse).Select(file => file with { IsDoubted = file.IsDoubted && file.Order >= ClearedOrder })];

    /// <summary>Some of the rows of what was loaded may be gone.</summary>
    public void DoubtLoaded()
    {
        if (ReadLines() is { Length: > 0 } lines) WriteLoaded(lines.Select(Parse).Select(file => file with { IsDoubted = true }));
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
    public void WriteLoaded(IEnumerable<LoadedFile> files) => Write(Loaded, string.Join('\n', files.Select(file => string.Create(CultureInfo.InvariantCulture, $"{(file.IsDoubted ? Doubt : "")}@{file.Order} {file.File}"))));

    public void Dispose() => _folder.Dispose();

    private static LoadedFile Parse(string line)
    {
        bool isDoubted = line.StartsWith(Doubt, StringComparison.Ordinal);

        // An older program wrote no order, and a sign before what was deleted: all that is there counts as put after it.
        string file = isDoubted || line.StartsWith("- ", StringComparison.Ordinal) ? line[Doubt.Length..] : line;
        int space = file.IndexOf(' ', StringComparison.Ordinal);
        return file.StartsWith('@') && space > 0 && long.TryParse(file.AsSpan(1, space - 1), NumberStyles.None, CultureInfo.InvariantCulture, out long order)
            ? new LoadedFile(file[(space + 1)..], order, isDoubted)
            : new LoadedFile(file, 0, isDoubted);
    }

    private string[] ReadLines() => File.Exists(Path.Combine(_path, Loaded)) ? File.ReadAllLines(Path.Combine(_path, Loaded)) : [];

    private void ForgetLoaded() => File.Delete(Path.Combine(_path, Loaded));

    private void Write(string name, string text)
    {
        string file = Path.Combine(_path, name);
        File.WriteAllText(file + ".new", text);
        File.Move(file + ".new", file, overwrite: true);
    }
}
