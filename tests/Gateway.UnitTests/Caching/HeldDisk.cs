using Gateway.Core.Caching.Entries;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Caching.Storage;
using Gateway.Faster;

namespace Gateway.UnitTests.Caching;

/// <summary>A store whose every entry of the keys that are held is on a disk that answers when the test says so, or never.</summary>
internal sealed class HeldDisk : IResponseStoreFactory
{
    private readonly Lock _lock = new();
    private readonly List<Read> _reads = [];

    /// <summary>Which entries are on that disk; null for none.</summary>
    public Predicate<CacheKey>? Holds { get; set; }

    /// <summary>Reads of it at once; those beyond find it busy.</summary>
    public int MostReads { get; set; } = int.MaxValue;

    /// <summary>What flushes wait for; null for nothing.</summary>
    public ManualResetEventSlim? Hang { get; set; }

    public string? GivenUpBecause { get; private set; }

    public int Reads
    {
        get
        {
            lock (_lock) return _reads.Count;
        }
    }

    public IResponseStore Open(StoreContext context) => new Store(this, new FasterStore(context));

    /// <summary>The disk answers all who have asked.</summary>
    public void Answer()
    {
        Read[] all;
        lock (_lock)
        {
            all = [.. _reads];
            _reads.Clear();
        }

        foreach (Read read in all) read.Answer();
    }

    private sealed class Read(ReadStatus status, StoredEntry entry) : IPendingRead
    {
        private IReadReceiver? _receiver;
        private int _parts;

        public void Complete(IReadReceiver? receiver)
        {
            _receiver = receiver;
            Go();
        }

        public void Answer() => Go();

        /// <summary>The disk may be sooner than the one who is to be told: whichever comes second tells.</summary>
        private void Go()
        {
            if (Interlocked.Increment(ref _parts) < 2) return;
            if (_receiver is not null) _receiver.OnRead(status, entry);
            else if (status == ReadStatus.Found) entry.Block?.Release();
        }
    }

    private sealed class Store(HeldDisk disk, IResponseStore inner) : IResponseStore
    {
        public int MaxEntryBytes => inner.MaxEntryBytes;

        public long MemoryBytes => inner.MemoryBytes;

        public long BeginAddress => inner.BeginAddress;

        public long HeadAddress => inner.HeadAddress;

        public long TailAddress => inner.TailAddress;

        public long Capacity => inner.Capacity;

        public bool IsFull => inner.IsFull;

        public long SpilledBytes => inner.SpilledBytes;

        public long UnreadableSectors => inner.UnreadableSectors;

        public bool HasFailed => inner.HasFailed;

        public bool IsOld(long address, int frequency) => inner.IsOld(address, frequency);

        public void Expect(CacheKey key) => inner.Expect(key);

        public void Vacate(long live) => inner.Vacate(live);

        ReadStatus IResponseStore.Read(in EntryTest test, out StoredEntry entry, out IPendingRead? pending)
        {
            bool isHeld = disk.Holds?.Invoke(test.Key) == true;
            if (isHeld && (test.Disk == DiskUse.Never || disk.Reads >= disk.MostReads))
            {
                entry = default;
                pending = null;
                return ReadStatus.Busy;
            }

            ReadStatus status = inner.Read(test, out entry, out pending);
            if (!isHeld || pending is not null) return status;
            Read read = new(status, entry);
            lock (disk._lock) disk._reads.Add(read);
            entry = default;
            pending = read;
            return ReadStatus.Pending;
        }

        public long Append(CacheKey key, ReadOnlySpan<byte> entry) => inner.Append(key, entry);

        public void GiveUpDisk(string reason) => disk.GivenUpBecause ??= reason;

        public void Flush(bool wait)
        {
            disk.Hang?.Wait();
            inner.Flush(wait);
        }

        public void Compact(long until, Predicate<EntryHeader> isGone) => inner.Compact(until, isGone);

        public void Dispose() => inner.Dispose();
    }
}
