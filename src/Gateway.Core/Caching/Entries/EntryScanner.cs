using System.Globalization;
using System.Runtime.InteropServices;
using Gateway.Core.Caching.Keys;

namespace Gateway.Core.Caching.Entries;

/// <summary>Finds entries in files, whatever else is in them.</summary>
/// <remarks>
/// <b>Behaviour</b>: looks for what begins like an entry and takes it if its seal is right, so that of a file that was torn, cut or damaged all that is whole comes
/// back, and nothing else. <b>Cost</b>: reads each byte once, but for what overlaps.
/// </remarks>
internal static class EntryScanner
{
    private const int WindowBytes = 4 << 20;

    /// <summary>The files of a log, from the oldest on.</summary>
    public static IEnumerable<string> FilesOf(string log) => Directory.EnumerateFiles(log).OrderBy(SegmentOf);

    /// <summary>Reads a file.</summary>
    /// <param name="file">May be anything.</param>
    /// <param name="mostEntryBytes">Longer entries are passed over.</param>
    /// <param name="found">Borrows each entry for the call; answers whether to go on.</param>
    public static ScanOutcome Scan(string file, int mostEntryBytes, CacheSecret secret, Func<ReadOnlySpan<byte>, bool> found)
    {
        using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        byte[] window = new byte[WindowBytes + mostEntryBytes];
        ReadOnlySpan<byte> magic = MemoryMarshal.AsBytes<ulong>([Entry.Magic]);
        int filled = 0;
        long broken = 0;
        long tooLarge = 0;
        bool isEnd = false;
        while (!isEnd)
        {
            int read = stream.ReadAtLeast(window.AsSpan(filled), window.Length - filled, throwOnEndOfStream: false);
            filled += read;
            isEnd = filled < window.Length;
            int at = 0;

            // What begins in the last bytes may go on beyond them, and is looked at with the next window.
            int until = isEnd ? filled : WindowBytes;
            while (at < until)
            {
                int next = window.AsSpan(at, filled - at).IndexOf(magic);
                if (next < 0 || at + next >= until)
                {
                    at = isEnd ? filled : Math.Max(at, until);
                    break;
                }

                at += next;
                bool isHeader = Entry.TryReadHeader(window.AsSpan(at, filled - at), out EntryHeader header);
                if (isHeader && header.Bytes <= mostEntryBytes && Entry.IsSealed(window.AsSpan(at, header.Bytes), secret))
                {
                    if (!found(window.AsSpan(at, header.Bytes))) return new ScanOutcome(broken, tooLarge);
                    at += header.Bytes;
                }
                else
                {
                    if (header.Bytes > mostEntryBytes) tooLarge++;
                    else broken++;
                    at += magic.Length;
                }
            }

            at = Math.Min(at, filled);
            window.AsSpan(at, filled - at).CopyTo(window);
            filled -= at;
        }

        return new ScanOutcome(broken, tooLarge);
    }

    // The number after the last dot.
    private static int SegmentOf(string file) =>
        int.TryParse(Path.GetExtension(file).AsSpan().TrimStart('.'), NumberStyles.None, CultureInfo.InvariantCulture, out int segment) ? segment : -1;
}
