using Gateway.Core.Caching.Entries;
using Gateway.Core.Caching.Storage;

namespace Gateway.Core.Features.Storage;

/// <summary>Takes over what earlier lives of a view left on disk, before anything is looked up.</summary>
/// <remarks>
/// <b>Behaviour</b>: logs are read as the cache's are: what is whole counts, whatever is around it. Of each key the entry with the highest order is the latest, in whatever order they are found: after a life that was
/// ended while it did this, a part of its predecessor's rows lies in a later log. A file goes when what was in it is in the new log, on disk; one with entries that are not whole is moved aside, and
/// what is missing of the view's sources is loaded again.
/// </remarks>
internal static class FeatureRestore
{
    /// <summary>Takes an entry over; false when there is no room.</summary>
    public delegate bool TakeEntry(ReadOnlySpan<byte> entry);

    /// <returns>Null when all went well; else why the view cannot be used: what is on disk stays there.</returns>
    public static string? Run(FeatureView view, IResponseStore store, TakeEntry take, Func<bool> isEnding)
    {
        try
        {
            long broken = 0;
            string? aside = null;
            foreach (string log in view.OldLogs)
            {
                foreach (string file in EntryScanner.FilesOf(log))
                {
                    bool hasRoom = true;
                    long lost = EntryScanner.Scan(file, store.MaxEntryBytes, view.Secret, entry => (hasRoom = take(entry)) && !isEnding()).Lost;
                    if (isEnding()) return null;
                    if (!hasRoom) return "the rows that it had have no room any more: disk_bytes or memory_bytes is too little";
                    store.Flush(wait: true);
                    if (store.HasFailed) return "its disk has failed";
                    broken += lost;
                    if (lost > 0) aside = view.MoveAside(file);
                    else File.Delete(file);
                }

                Directory.Delete(log, recursive: true);
            }

            if (broken > 0) view.OnBroken(broken, aside!);
            return null;
        }
#pragma warning disable CA1031 // Whatever is wrong with the files is this view's problem alone.
        catch (Exception error)
#pragma warning restore CA1031
        {
            return error.Message;
        }
    }
}
