using System.Globalization;
using System.Text;
using Gateway.Core.Caching.Keys;

namespace Gateway.Core.Caching.Storage;

/// <summary>The folder that a cache keeps on disk: its secret, its logs, and when what was deleted.</summary>
/// <remarks>
/// <para><c>lock</c>: held by the process that uses the folder. <c>secret</c>: <see cref="CacheSecret"/>. <c>cleared</c>: a line for each deletion, the model's id (0 for
/// all) and the time. <c>log-1</c>, <c>log-2</c>, …: the log of each life of the cache, the latest being written, the others on their way into it. <c>aside-1</c>, …: what could not be taken over, of the last four lives that had any.</para>
/// <b>Ownership</b>: holds the lock until it is disposed.
/// </remarks>
internal sealed class CacheFolder : IDisposable
{
    private const string LogPrefix = "log-";
    private const string AsidePrefix = "aside-";

    // Of what was moved aside so much is kept: somebody may want to look at it, and nobody to have a disk full of it.
    private const int MostAside = 4;

    private readonly string _path;
    private readonly FileStream _lock;
    private string? _aside;

    /// <summary>Takes a folder, and makes it if need be.</summary>
    /// <exception cref="IOException">It cannot be used, or another process does.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be used.</exception>
    public CacheFolder(string path)
    {
        _path = path;
        System.IO.Directory.CreateDirectory(path);
        _lock = new FileStream(Path.Combine(path, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        try
        {
            Secret = CacheSecret.ReadOrMake(Path.Combine(path, "secret"), out bool isNew);
            OldLogs = [.. System.IO.Directory.EnumerateDirectories(path, LogPrefix + "*").Select(log => (Path: log, Number: NumberOf(log))).Where(log => log.Number > 0).OrderBy(log => log.Number).Select(log => log.Path)];
            int last = OldLogs.Count > 0 ? NumberOf(OldLogs[^1]) : 0;
            Log = Path.Combine(path, LogPrefix + (last + 1).ToString(CultureInfo.InvariantCulture));
            System.IO.Directory.CreateDirectory(Log);
            if (!isNew || OldLogs.Count == 0) return;
            SetAside = MoveAside(OldLogs);
            OldLogs = [];
        }
        catch
        {
            _lock.Dispose();
            throw;
        }
    }

    public CacheSecret Secret { get; }

    /// <summary>Folder of the log that is written; empty when it is made.</summary>
    public string Log { get; }

    /// <summary>Folders of logs of earlier lives, in their order.</summary>
    public IReadOnlyList<string> OldLogs { get; }

    /// <summary>Where what lay here was moved because the secret that it was sealed with is lost; null for nowhere.</summary>
    public string? SetAside { get; }

    /// <summary>Moves logs, or files of them, aside: all of one life to one folder.</summary>
    /// <returns>That folder.</returns>
    /// <exception cref="IOException">They cannot be moved.</exception>
    public string MoveAside(IEnumerable<string> what)
    {
        _aside ??= MakeAside();

        // Two logs may have files of one name.
        foreach (string each in what) System.IO.Directory.Move(each, Path.Combine(_aside, Path.GetRelativePath(_path, each).Replace(Path.DirectorySeparatorChar, '-')));
        return _aside;
    }

    private string MakeAside()
    {
        List<string> before = [.. System.IO.Directory.EnumerateDirectories(_path, AsidePrefix + "*").OrderBy(folder => NumberOf(folder, AsidePrefix))];
        string aside = Path.Combine(_path, AsidePrefix + ((before.Count > 0 ? NumberOf(before[^1], AsidePrefix) : 0) + 1).ToString(CultureInfo.InvariantCulture));
        System.IO.Directory.CreateDirectory(aside);
        foreach (string old in before.SkipLast(MostAside - 1)) System.IO.Directory.Delete(old, recursive: true);
        return aside;
    }

    /// <summary>Deletions: the time, in milliseconds of Unix time, by the model's id.</summary>
    /// <exception cref="InvalidDataException">It cannot be told what was deleted.</exception>
    /// <exception cref="IOException">Likewise.</exception>
    /// <exception cref="UnauthorizedAccessException">Likewise.</exception>
    public Dictionary<ulong, long> ReadCleared()
    {
        Dictionary<ulong, long> cleared = [];
        string file = Path.Combine(_path, "cleared");
        string[] lines;
        try
        {
            lines = File.ReadAllLines(file);
        }
        catch (FileNotFoundException)
        {
            return cleared;
        }

        if (lines.Length == 0) throw new InvalidDataException($"{file} is empty");
        foreach (string line in lines)
        {
            string[] parts = line.Split(' ');
            if (parts.Length != 2
                || !ulong.TryParse(parts[0], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong model)
                || !long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out long time))
            {
                throw new InvalidDataException($"{file} is not readable");
            }

            cleared[model] = time;
        }

        return cleared;
    }

    /// <summary>Writes down all deletions; whole or not at all.</summary>
    public void WriteCleared(IReadOnlyDictionary<ulong, long> cleared)
    {
        string file = Path.Combine(_path, "cleared");
        string aside = file + ".new";
        using (FileStream stream = new(aside, FileMode.Create))
        {
            foreach ((ulong model, long time) in cleared) stream.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{model:x} {time}\n")));

            // First on the disk, then in the other's place: a machine that loses its power has the one or the other.
            stream.Flush(flushToDisk: true);
        }

        File.Move(aside, file, overwrite: true);
    }

    /// <summary>Has the next life believe nothing of what is here, until <see cref="WriteCleared"/> succeeds: that takes no room, where what was deleted can no longer be written down.</summary>
    public void DisbelieveAll() => new FileStream(Path.Combine(_path, "cleared"), FileMode.Create).Dispose();

    public void Dispose() => _lock.Dispose();

    private static int NumberOf(string log, string prefix = LogPrefix) =>
        int.TryParse(Path.GetFileName(log)[prefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0;
}
