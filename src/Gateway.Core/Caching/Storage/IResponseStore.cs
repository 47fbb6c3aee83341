using Gateway.Core.Caching.Entries;
using Gateway.Core.Caching.Keys;

namespace Gateway.Core.Caching.Storage;

/// <summary>Keeps entries by their keys, the latest in memory and older ones on disk, and lets go of the oldest.</summary>
/// <remarks>
/// <b>Behaviour</b>: a log: entries are appended at rising addresses, and what lies before <see cref="BeginAddress"/> is gone. It fails for nobody: an entry that
/// cannot be read is not there, and one that cannot be written is not kept. <b>Threading</b>: reads from any thread; everything else from one, which may be held
/// up by the disk. <b>Ownership</b>: entries are copied in and out. <b>Cost</b>: a read that is not on disk neither waits nor allocates.
/// </remarks>
internal interface IResponseStore : IDisposable
{
    /// <summary>The longest entry that fits.</summary>
    int MaxEntryBytes { get; }

    /// <summary>Bytes of memory that it may use, its index included.</summary>
    long MemoryBytes { get; }

    /// <summary>What is before it is not kept any more.</summary>
    long BeginAddress { get; }

    /// <summary>What is before it is no longer in memory.</summary>
    long HeadAddress { get; }

    /// <summary>Where the next entry goes.</summary>
    long TailAddress { get; }

    /// <summary>Bytes of entries that it has room for, in memory and on disk.</summary>
    long Capacity { get; }

    /// <summary>A hint: a key is about to be looked for.</summary>
    void Expect(CacheKey key);

    /// <summary>
    /// Whether an entry that is used is to be made the latest again: one in memory that will be gone, or on disk, before long; one on disk that will be gone before long, or is asked for often enough to be
    /// in memory. Were each made the latest that is on disk, what fits there would push itself out.
    /// </summary>
    /// <param name="frequency">About how often it was asked for lately.</param>
    bool IsOld(long address, int frequency);

    /// <summary>Whether each entry that comes takes the place of older ones.</summary>
    bool IsFull { get; }

    /// <summary>Much of what is there has become of no use: there is room for as much before it is full again.</summary>
    /// <param name="live">Bytes that still are of use.</param>
    void Vacate(long live);

    /// <summary>Bytes written to disk since the start.</summary>
    long SpilledBytes { get; }

    /// <summary>How often the disk has not given back what was written.</summary>
    long UnreadableSectors { get; }

    /// <summary>Whether the disk has failed; nothing is written to it any more.</summary>
    bool HasFailed { get; }

    /// <summary>Finds the entry of a key, if it passes the test.</summary>
    /// <param name="entry">With <see cref="ReadStatus.Found"/>; the caller's to release. With <see cref="ReadStatus.NotFound"/> where and how long the latest of the key is that does not pass, without a block.</param>
    /// <param name="pending">With <see cref="ReadStatus.Pending"/>; to be completed by the caller.</param>
    ReadStatus Read(in EntryTest test, out StoredEntry entry, out IPendingRead? pending);

    /// <summary>Keeps an entry.</summary>
    /// <returns>Where; -1 when it could not be kept.</returns>
    long Append(CacheKey key, ReadOnlySpan<byte> entry);

    /// <summary>Goes on without the disk, which is neither read nor written from here on; by any thread.</summary>
    /// <param name="reason">For the warning.</param>
    void GiveUpDisk(string reason);

    /// <summary>Sees to it that everything appended so far gets to the disk, if there is one; a disk that fails is given up.</summary>
    /// <param name="wait">Whether to return only when it is there.</param>
    void Flush(bool wait);

    /// <summary>Moves to the end what is still the latest of its key, and lets go of the rest.</summary>
    /// <param name="until">Up to where, about.</param>
    /// <param name="isGone">Whether an entry is of no use, even as the latest of its key. May read.</param>
    void Compact(long until, Predicate<EntryHeader> isGone);
}
