using System.Collections.Concurrent;
using System.Numerics;
using FASTER.core;
using Gateway.Core.Caching.Entries;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Caching.Storage;

namespace Gateway.Faster;

/// <summary>The store on FASTER's hybrid log: a hash index over a log whose end lies in memory and whose rest on disk.</summary>
/// <remarks>
/// <b>Behaviour</b>: entries are only ever appended, by one session; reads have sessions of their own, and one that finds its entry below the memory keeps its session
/// until the disk has answered. Half of the sessions are for that; beyond it is not known what is on disk, and what is in memory is found all the same. <b>Threading</b>: as <see cref="IResponseStore"/> says.
/// <b>Cost</b>: a read is a hash bucket, a comparison and a copy; FASTER's locks are off, since nothing is changed in place.
/// </remarks>
internal sealed class FasterStore : IResponseStore
{
    // Threads in a read at once, and reads of the disk: FASTER has room for 128 threads.
    private const int MostSessions = 64;
    private const int MostDiskReads = 32;

    // Of the memory, an eighth for entries that are all there, and up to a quarter for what lies on disk too: what has no place in the index costs a line for each look-up in its bucket, and memory beside the budget.
    private const int LeastIndexShare = 8;
    private const int MostIndexShare = 4;
    private const int EntriesABucket = 7;

    // What an entry takes at least, about, with its record: half of it are its headers.
    private const int AssumedEntryBytes = 512;

    // Of the sketch's 1 to 15. It looks back over eight times as many requests as memory holds entries: what is asked for no more often than all else on disk does not come so far.
    private const int OftenEnoughForMemory = 4;

    internal const int BucketBytes = 64;
    private const int RecordHeadBytes = 64;

    // Reads of a disk take milliseconds; one that hangs may not hold up the end of the process.
    private static readonly TimeSpan ReadsAtTheEnd = TimeSpan.FromSeconds(5);

    private readonly StoreContext _context;
    private readonly LogDevice? _device;
    private readonly IDevice _log;
    private readonly FasterKV<StoreKey, SpanByte> _kv;
    private readonly StoreFunctions _functions = new();
    private readonly ClientSession<StoreKey, SpanByte, int, ReadSlot, Empty, StoreFunctions> _writer;
    private readonly ConcurrentStack<StoreSession> _sessions = new();
    private readonly StoreSession?[] _idle = new StoreSession?[16];
    private readonly IndexLines? _lines;
    private readonly long _logMemory;
    private readonly long _pageBytes;
    private readonly long _segmentBytes;
    private long _vacantFrom;
    private int _opened;
    private int _diskReads;
    private int _hasGivenUp;
    private volatile bool _isDiskOff;
    private volatile bool _isClosed;

    /// <param name="open">Opens the disk of a store that has a folder; null for files there.</param>
    public FasterStore(StoreContext context, Func<StoreContext, LogDevice>? open = null)
    {
        _context = context;
        long wanted = (context.Folder is null ? 0 : context.DiskBytes) / AssumedEntryBytes / EntriesABucket * BucketBytes;
        wanted = Math.Clamp(wanted, context.MemoryBytes / LeastIndexShare, context.MemoryBytes / MostIndexShare);
        long index = (long)BitOperations.RoundUpToPowerOf2((ulong)(wanted / 2) + 1);
        long forLog = context.MemoryBytes - index;
        int pageBits = Math.Clamp(BitOperations.Log2((ulong)forLog / 16), 14, 25);
        int pages = (int)Math.Max(4, forLog >> pageBits);
        int memoryBits = pageBits + BitOperations.Log2(BitOperations.RoundUpToPowerOf2((uint)pages));
        int segmentBits = Math.Max(pageBits, Math.Clamp(BitOperations.Log2((ulong)Math.Max(1, context.DiskBytes / 16)), 20, 28));
        _segmentBytes = 1L << segmentBits;
        _pageBytes = 1L << pageBits;
        _device = context.Folder is { } folder ? open?.Invoke(context) ?? new LogDevice(folder, context.Secret, context.OnFailure) : null;
        _log = (IDevice?)_device ?? new NullDevice();
        _kv = new FasterKV<StoreKey, SpanByte>(
            index / BucketBytes,
            new LogSettings
            {
                LogDevice = _log,
                PageSizeBits = pageBits,
                MemorySizeBits = memoryBits,
                SegmentSizeBits = segmentBits,

                // What is not changed any more may as well be on its way to the disk.
                MutableFraction = 0.25,
            },
            comparer: new StoreKey.Comparer(),
            concurrencyControlMode: ConcurrencyControlMode.None);

        // FASTER's memory is a power of two; what is beyond the budget stays empty.
        _kv.Log.EmptyPageCount = Math.Clamp((1 << (memoryBits - pageBits)) - pages, 0, _kv.Log.MaxEmptyPageCount);
        _logMemory = (long)pages << pageBits;
        _lines = IndexLines.Of(_kv);
        _writer = _kv.For(_functions).NewSession<StoreFunctions>();
        MaxEntryBytes = (1 << pageBits) - RecordHeadBytes - BucketBytes;
        IndexBytes = index;
        MemoryBytes = index + _logMemory;
    }

    public int MaxEntryBytes { get; }

    /// <summary>Bytes of memory of the index, by which entries are found.</summary>
    public long IndexBytes { get; }

    public long MemoryBytes { get; }

    public long BeginAddress => HasDisk ? _kv.Log.BeginAddress : Math.Max(_kv.Log.BeginAddress, _kv.Log.HeadAddress);

    public long HeadAddress => _kv.Log.HeadAddress;

    public long TailAddress => _kv.Log.TailAddress;

    public long Capacity => _context.KeepsAll ? Room : HasDisk ? Math.Max(_logMemory, _context.DiskBytes) : _logMemory;

    // Of what was once full a part is of no use any more; what comes next goes there before it makes anything else go.
    public bool IsFull => (HasDisk ? TailAddress > _context.DiskBytes - _segmentBytes : HeadAddress > BucketBytes)
        && TailAddress - Volatile.Read(ref _vacantFrom) > Capacity - (HasDisk ? _segmentBytes : 2 * _pageBytes);

    public void Vacate(long live) => Volatile.Write(ref _vacantFrom, Math.Max(_vacantFrom, TailAddress - live));

    public long SpilledBytes => _device?.Written ?? 0;

    public long UnreadableSectors => _device?.Unreadable ?? 0;

    /// <summary>Whether nothing is let go of to make room.</summary>
    public bool KeepsAll => _context.KeepsAll;

    /// <summary>Where the log begins, whatever of it is in memory.</summary>
    public long LogBegin => _kv.Log.BeginAddress;

    public bool HasFailed => _device is { HasFailed: true } || _isDiskOff;

    private bool HasDisk => _device is { HasFailed: false } && !_isDiskOff;

    public bool IsOld(long address, int frequency) =>
        address >= HeadAddress ? address < TailAddress - (_logMemory / 2) : frequency >= OftenEnoughForMemory || address < TailAddress - (_context.DiskBytes / 2);

    /// <summary>Whether <see cref="Expect"/> does anything here.</summary>
    public bool HasHints => _lines is not null;

    public void Expect(CacheKey key) => _lines?.Expect(new StoreKey(key.Hash).Low);

    public ReadStatus Read(in EntryTest test, out StoredEntry entry, out IPendingRead? pending)
    {
        entry = default;
        pending = null;
        if (!TryRent(out StoreSession? session)) return ReadStatus.Busy;
        bool isOff = _isDiskOff;
        bool mayWait = !isOff && test.Disk != DiskUse.Never && (test.Disk == DiskUse.Always || Volatile.Read(ref _diskReads) < MostDiskReads);
        ReadStatus status = session!.Read(test, mayWait, out entry);
        if (status != ReadStatus.Pending)
        {
            Return(session);
            return status == ReadStatus.Busy && isOff ? ReadStatus.Unreadable : status;
        }

        Interlocked.Increment(ref _diskReads);
        pending = session;
        return status;
    }

    public unsafe long Append(CacheKey key, ReadOnlySpan<byte> entry)
    {
        if (entry.Length > MaxEntryBytes || (_context.KeepsAll && !HasRoom(entry.Length))) return -1;
        StoreKey storeKey = new(key.Hash);
        int input = 0;
        ReadSlot none = null!;
        _functions.LastAddress = -1;
        fixed (byte* bytes = entry)
        {
            SpanByte value = SpanByte.FromFixedSpan(new ReadOnlySpan<byte>(bytes, entry.Length));
            _writer.Upsert(ref storeKey, ref input, ref value, ref none);
        }

        LetGo();
        return _functions.LastAddress;
    }

    public void Flush(bool wait)
    {
        if (!HasDisk) return;
        try
        {
            _kv.Log.Flush(wait);
        }
#pragma warning disable CA1031 // FASTER has a fault that is not known: whoever waits finds that the disk has failed, and the thread that writes goes on.
        catch (Exception error)
#pragma warning restore CA1031
        {
            GiveUpDisk(error.Message);
        }
    }

    public void Compact(long until, Predicate<EntryHeader> isGone)
    {
        // What is still being changed cannot be moved; without a disk this only says that nothing is.
        _kv.Log.Flush(wait: true);
        until = Math.Min(until, _kv.Log.SafeReadOnlyAddress);
        if (until <= _kv.Log.BeginAddress) return;
        _writer.Compact(until, CompactionType.Lookup, new GoneEntries(isGone));

        // What was moved is on disk before the files go that it was in.
        _kv.Log.Flush(wait: true);
        _kv.Log.Truncate();
    }

    /// <summary>Whether an entry that came from the disk is what was written.</summary>
    public bool IsSealed(ReadOnlySpan<byte> entry) => Entry.IsSealed(entry, _context.Secret);

    /// <summary>A read of the disk has ended.</summary>
    public void EndRead(StoreSession session)
    {
        Interlocked.Decrement(ref _diskReads);
        Return(session);
    }

    private void Return(StoreSession session)
    {
        ref StoreSession? slot = ref _idle[Environment.CurrentManagedThreadId & 15];
        if (Interlocked.Exchange(ref slot, session) is { } other) _sessions.Push(other);
    }

    /// <summary>A session has failed, which FASTER gives no reason to expect: the disk is not asked any more.</summary>
    public void GiveUp(Exception error)
    {
        GiveUpDisk(error.Message);
        Interlocked.Decrement(ref _diskReads);
        Interlocked.Decrement(ref _opened);
    }

    public void GiveUpDisk(string reason)
    {
        if (Interlocked.Exchange(ref _hasGivenUp, 1) != 0) return;
        _isDiskOff = true;

        // Otherwise what waits to be written would keep the log's memory, and with it whoever appends.
        if (_device?.GiveUp() != false) _context.OnFailure(reason);
    }

    public void Dispose()
    {
        // Whoever has a session reads memory that is freed here, or is still to be told what the disk gave: the end waits for all sessions. One that does not come
        // back keeps the memory, for as long as the process lives.
        _isClosed = true;
        Interlocked.MemoryBarrier();
        if (!SpinWait.SpinUntil(CollectSessions, ReadsAtTheEnd)) return;
        _writer.Dispose();
        _kv.Dispose();
        _log.Dispose();
    }

    /// <summary>Ends the sessions that nobody has.</summary>
    /// <returns>Whether those were all there are.</returns>
    private bool CollectSessions()
    {
        for (int i = 0; i < _idle.Length; i++)
        {
            if (Interlocked.Exchange(ref _idle[i], null) is { } idle) _sessions.Push(idle);
        }

        while (_sessions.TryPop(out StoreSession? session))
        {
            session.Dispose();
            Interlocked.Decrement(ref _opened);
        }

        return Volatile.Read(ref _opened) == 0;
    }

    private bool TryRent(out StoreSession? session)
    {
        session = null;
        if (_isClosed) return false;

        // A thread finds its own again, most of the time.
        session = Interlocked.Exchange(ref _idle[Environment.CurrentManagedThreadId & 15], null);
        if (session is not null || _sessions.TryPop(out session)) return true;

        // Counted before it is asked whether the end has come, which is said before they are counted there: either this thread sees the end, or the end waits for it.
        if (Interlocked.Increment(ref _opened) <= MostSessions && !_isClosed)
        {
            session = new StoreSession(this, _kv, _context.Pool);
            return true;
        }

        Interlocked.Decrement(ref _opened);
        for (int i = 0; i < _idle.Length; i++)
        {
            session = Interlocked.Exchange(ref _idle[i], null);
            if (session is not null) return true;
        }

        return false;
    }

    /// <summary>Bytes that the log may have without an entry being lost: in memory two pages stay free, the one being filled and the one that makes way.</summary>
    private long Room => _device is not null ? _context.DiskBytes : _logMemory - (2 * _pageBytes);

    private bool HasRoom(int bytes) => !HasFailed && TailAddress + RecordHeadBytes + bytes - _kv.Log.BeginAddress <= Room;

    /// <summary>Lets go of what there is no room for: what is no longer in memory, or too far down on disk.</summary>
    private void LetGo()
    {
        if (_context.KeepsAll) return;
        long until = HasDisk ? TailAddress - _context.DiskBytes : HeadAddress;
        if (until - _kv.Log.BeginAddress >= _segmentBytes || (!HasDisk && until > _kv.Log.BeginAddress)) _kv.Log.ShiftBeginAddress(until, snapToPageStart: HasDisk, truncateLog: true);
    }
}
