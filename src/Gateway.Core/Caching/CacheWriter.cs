using System.Collections.Concurrent;
using Gateway.Core.Caching.Entries;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Caching.Storage;
using Gateway.Core.Memory;

namespace Gateway.Core.Caching;

/// <summary>The thread that alone puts entries into the store: it may wait for the disk, so that nobody else has to.</summary>
/// <remarks>
/// <b>Behaviour</b>: what waits for it is bounded in bytes of the pool, by about as much as the cache has of memory and a quarter of the pool; beyond that entries are not kept. Every now and then it has the store write to the disk what is new.
/// <b>Threading</b>: any thread posts. <b>Ownership</b>: the entry of a posted item is the writer's to release. <b>Cost</b>: no allocation an entry.
/// </remarks>
#pragma warning disable CA1001 // What it owns is disposed of at its end, which may fail.
internal sealed class CacheWriter
#pragma warning restore CA1001
{
    /// <summary>What a crash may cost: answers of so much time.</summary>
    public static readonly TimeSpan FlushInterval = TimeSpan.FromSeconds(10);

    // A second's worth for a disk of 64 MB/s; in time a burst of small answers of a tenth of a second.
    private const long MostWaitingBytes = 64L << 20;
    private const long LeastWaitingBytes = 16L << 20;
    private const int ShareOfPool = 4;
    private const int MostWaiting = 65_536;

    // What is taken over from an earlier life leaves room for what is answered now.
    private const int ShareForOld = 4;

    // Between two looks at what has come, unless so much of what may wait does: each waking takes the front door off its core, twice.
    private const int ShareToHurry = 16;
    private static readonly TimeSpan Nap = TimeSpan.FromMilliseconds(10);

    // Between two looks at the clock: some milliseconds.
    private const int MostTogether = 1024;

    // A disk that works has answered by then; without its word an entry counts as not there.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(100);

    private readonly ResponseCache _cache;
    private readonly IResponseStore _store;
    private readonly CacheSecret _secret;
    private readonly TimeProvider _time;
    private readonly HeaderReader _latest;
    private readonly ConcurrentQueue<WriteItem> _items = new();
    private readonly ManualResetEventSlim _work = new(initialState: false, spinCount: 0);
    private readonly ManualResetEventSlim _hurry = new(initialState: false, spinCount: 0);
    private readonly long _mostWaitingBytes;
    private readonly Thread _thread;
    private long _waitingBytes;
    private int _waiting;
    private volatile bool _isEnding;

    public CacheWriter(ResponseCache cache, IResponseStore store, CacheSecret secret, TimeProvider time)
    {
        _cache = cache;
        _store = store;
        _secret = secret;
        _time = time;
        _latest = new HeaderReader(store, Patience);
        _mostWaitingBytes = Math.Min(Math.Clamp(store.MemoryBytes, LeastWaitingBytes, MostWaitingBytes), cache.Pool.CeilingBytes / ShareOfPool);
        _thread = new Thread(Run) { IsBackground = true, Name = "response cache" };
        _thread.Start();
    }

    /// <summary>Sets room aside for an entry.</summary>
    /// <param name="isOld">Whether it is one of an earlier life, for which there is less.</param>
    /// <returns>False when too many wait.</returns>
    public bool TryReserve(int bytes, bool isOld = false)
    {
        int share = isOld ? ShareForOld : 1;
        if (Interlocked.Add(ref _waitingBytes, BlockPool.CapacityFor(bytes)) <= _mostWaitingBytes / share && Volatile.Read(ref _waiting) < MostWaiting / share) return true;
        GiveBack(bytes);
        return false;
    }

    /// <summary>Gives back what was set aside for an entry that does not come.</summary>
    public void GiveBack(int bytes) => Interlocked.Add(ref _waitingBytes, -BlockPool.CapacityFor(bytes));

    /// <summary>Hands over an entry that there is room for.</summary>
    public void Post(in WriteItem item)
    {
        Interlocked.Increment(ref _waiting);
        _items.Enqueue(item);
        _work.Set();
        if (item.Done is not null || Volatile.Read(ref _waitingBytes) > _mostWaitingBytes / ShareToHurry) _hurry.Set();
    }

    /// <summary>Completes when all that was posted is in the store, and on its disk if it has one.</summary>
    public Task FlushAsync()
    {
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(new WriteItem(null, default, default, null, null, OldEntry.None, done));
        return done.Task;
    }

    /// <summary>Finishes what was posted, has the store write it to its disk, and ends the thread.</summary>
    /// <returns>False when the disk kept it longer than may be waited: the thread goes on, and uses the store.</returns>
    public bool TryEnd(TimeSpan patience)
    {
        _isEnding = true;
        _work.Set();
        _hurry.Set();
        if (!_thread.Join(patience)) return false;
        _work.Dispose();
        _hurry.Dispose();
        _latest.Dispose();
        return true;
    }

    private void Run()
    {
        bool isDirty = false;
        long dirtySince = 0;
        while (true)
        {
            _work.Reset();
            _hurry.Reset();
            int done = 0;
            for (; done < MostTogether && _items.TryDequeue(out WriteItem item); done++)
            {
                Interlocked.Decrement(ref _waiting);
                Do(item);
            }

            if (done > 0)
            {
                _cache.AdvanceLedgers(_store.BeginAddress, _store.HeadAddress);
                if (!isDirty) dirtySince = _time.GetTimestamp();
                isDirty = true;
            }

            if (_isEnding && _items.IsEmpty)
            {
                _store.Flush(wait: true);
                return;
            }

            // By the clock, and not when there is nothing else to do, which may be never.
            TimeSpan left = isDirty ? FlushInterval - _time.GetElapsedTime(dirtySince) : Timeout.InfiniteTimeSpan;
            if (isDirty && left <= TimeSpan.Zero)
            {
                _store.Flush(wait: false);
                isDirty = false;
            }
            else if (_items.IsEmpty)
            {
                // What comes meanwhile is done together: on a busy core each waking costs a request as much as its answer's writing does.
                if (done > 0) _hurry.Wait(Nap);
                _work.Wait(left);
            }
        }
    }

    private void Do(in WriteItem item)
    {
        if (item.Done is { } done)
        {
            _store.Flush(wait: true);
            done.SetResult();
            return;
        }

        if (item.Entry.Block is null)
        {
            item.Model?.Validity.RaiseFloor(item.Clears, _store.TailAddress);
            _store.Vacate(_cache.LiveBytes());
            return;
        }

        Keep(item);
        if (item.Flight is { } flight)
        {
            lock (item.Shard!.Lock)
            {
                item.Shard.Close(flight);
                item.Shard.LetGo(flight);
            }
        }

        item.Entry.Block.Release();
        GiveBack(item.Entry.Bytes);
    }

    private void Keep(in WriteItem item)
    {
        try
        {
            Span<byte> entry = item.Entry.Block.Span[..item.Entry.Bytes];
            if (item.Flight is not null) Entry.Seal(entry, _secret);
            _cache.NoteCreated(Entry.Header(entry).Created);
            if (!IsWanted(item, entry, out OldEntry old)) return;
            long address = _store.Append(item.Key, entry);
            if (address < 0 || item.Model is not { } model) return;
            if (old.Bytes > 0) model.Ledger.Remove(old.Address, old.Bytes);
            long given = model.Ledger.Add(address, item.Entry.Bytes, Entry.Header(entry).Created);
            if (item.Flight is not null) model.Counts.CountInsertion(given);
            else if (item.Old.Bytes == 0) model.Counts.CountRestored(given);
            else if (given > 0) model.Counts.CountEvictions(given);
        }
#pragma warning disable CA1031 // The store has a fault that is not known; the entry is not kept, and the thread goes on.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _store.GiveUpDisk(error.Message);
        }
    }

    /// <summary>Whether an entry is to be kept, and what it takes the place of.</summary>
    private bool IsWanted(in WriteItem item, ReadOnlySpan<byte> entry, out OldEntry old)
    {
        old = item.Old;
        if (item.Flight is not null)
        {
            if (item.Clears != item.Model!.Validity.Clears || !item.Flight.MayStore) return false;
            if (old.Bytes >= 0) return true;
            if (old == OldEntry.Unread)
            {
                old = InMemory(item.Key);
                return true;
            }

            old = OldEntry.None;
            if (_latest.Read(item.Key, after: 0, out EntryHeader latest, out StoredEntry at) != ReadStatus.Found) return true;
            old = new OldEntry(at.Address, at.Bytes);

            // A refresh may come after one that was asked for later. What lies ahead of the clock was made before that was set back.
            return latest.Created <= Entry.Header(entry).Created || latest.Created > _time.GetUtcNow().ToUnixTimeMilliseconds();
        }

        return old.Bytes == 0 ? IsWantedFromBefore(item, entry, out old) : IsLatest(item);
    }

    /// <summary>Whether an entry of an earlier life is younger than what is there by now.</summary>
    private bool IsWantedFromBefore(in WriteItem item, ReadOnlySpan<byte> entry, out OldEntry old)
    {
        old = OldEntry.None;
        ref readonly EntryHeader header = ref Entry.Header(entry);

        // Again: all may have been deleted since it was read.
        if (!_cache.IsWanted(header, out _)) return false;
        if (_latest.Read(item.Key, after: 0, out EntryHeader there, out StoredEntry at) != ReadStatus.Found) return true;
        old = new OldEntry(at.Address, at.Bytes);
        return there.Created < header.Created;
    }

    /// <summary>Whether an entry that is to be made the latest still is the one of its key, as far as memory tells: the disk is not waited for.</summary>
    private bool IsLatest(in WriteItem item)
    {
        if (item.Old.Address < item.Model!.Ledger.Floor) return false;
        OldEntry latest = InMemory(item.Key);
        return latest.Bytes == 0 || latest.Address == item.Old.Address;
    }

    /// <summary>What memory has under a key: the disk is not waited for.</summary>
    private OldEntry InMemory(CacheKey key)
    {
        EntryTest any = new(key, 0, 0, long.MaxValue, Disk: DiskUse.Never);
        if (_store.Read(any, out StoredEntry latest, out _) != ReadStatus.Found) return OldEntry.None;
        latest.Block.Release();
        return new OldEntry(latest.Address, latest.Bytes);
    }
}
