using System.Collections.Concurrent;
using Gateway.Core.Caching.Entries;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Caching.Storage;

namespace Gateway.Core.Caching;

/// <summary>The thread that alone puts entries into the store: it may wait for the disk, so that nobody else has to.</summary>
/// <remarks>
/// <b>Behaviour</b>: what waits for it is bounded in bytes; beyond that entries are not kept. Every now and then it has the store write to the disk what is new.
/// <b>Threading</b>: any thread posts. <b>Ownership</b>: the entry of a posted item is the writer's to release. <b>Cost</b>: no allocation an entry.
/// </remarks>
internal sealed class CacheWriter : IDisposable
{
    /// <summary>What a crash may cost: answers of so much time.</summary>
    private static readonly TimeSpan FlushInterval = TimeSpan.FromSeconds(10);

    // A second's worth for a disk of 64 MB/s; in time a burst of small answers of a tenth of a second.
    private const long MostWaitingBytes = 64L << 20;
    private const int MostWaiting = 65_536;

    private readonly ResponseCache _cache;
    private readonly IResponseStore _store;
    private readonly CacheSecret _secret;
    private readonly ConcurrentQueue<WriteItem> _items = new();
    private readonly ManualResetEventSlim _work = new(initialState: false);
    private readonly Thread _thread;
    private long _waitingBytes;
    private int _waiting;
    private volatile bool _isEnding;

    public CacheWriter(ResponseCache cache, IResponseStore store, CacheSecret secret)
    {
        _cache = cache;
        _store = store;
        _secret = secret;
        _thread = new Thread(Run) { IsBackground = true, Name = "response cache" };
        _thread.Start();
    }

    /// <summary>Sets room aside for an entry.</summary>
    /// <returns>False when too many wait.</returns>
    public bool TryReserve(int bytes)
    {
        if (Interlocked.Add(ref _waitingBytes, bytes) <= MostWaitingBytes && Volatile.Read(ref _waiting) < MostWaiting) return true;
        GiveBack(bytes);
        return false;
    }

    /// <summary>Gives back what was set aside for an entry that does not come.</summary>
    public void GiveBack(int bytes) => Interlocked.Add(ref _waitingBytes, -bytes);

    /// <summary>Hands over an entry that there is room for.</summary>
    public void Post(in WriteItem item)
    {
        Interlocked.Increment(ref _waiting);
        _items.Enqueue(item);
        _work.Set();
    }

    /// <summary>Completes when all that was posted is in the store, and on its disk if it has one.</summary>
    public Task FlushAsync()
    {
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(new WriteItem(null, default, default, null, null, -1, done));
        return done.Task;
    }

    /// <summary>Finishes what was posted and ends the thread.</summary>
    public void Dispose()
    {
        _isEnding = true;
        _work.Set();
        _thread.Join();
        _work.Dispose();
    }

    private void Run()
    {
        bool isDirty = false;
        while (true)
        {
            _work.Reset();
            bool hasWritten = false;
            while (_items.TryDequeue(out WriteItem item))
            {
                Interlocked.Decrement(ref _waiting);
                Do(item);
                hasWritten = true;
            }

            if (hasWritten) _cache.AdvanceLedgers(_store.BeginAddress);
            isDirty |= hasWritten;
            if (_isEnding && _items.IsEmpty) return;
            if (_work.Wait(isDirty ? FlushInterval : Timeout.InfiniteTimeSpan) || !isDirty) continue;
            _store.Flush(wait: false);
            isDirty = false;
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
            item.Model!.Ledger.Clear(_store.TailAddress);
            return;
        }

        Span<byte> entry = item.Entry.Block.Span[..item.Entry.Bytes];
        if (item.Flight is not null) Entry.Seal(entry, _secret);
        if (IsWanted(item))
        {
            long address = _store.Append(item.Key, entry);
            if (address >= 0 && item.Model is { } model)
            {
                if (item.Old >= 0) model.Ledger.Remove(item.Old, item.Entry.Bytes);
                long given = model.Ledger.Add(address, item.Entry.Bytes);
                if (item.Old < 0) model.Counts.CountInsertion(given);
                else if (given > 0) model.Counts.CountEvictions(given);
            }
        }

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

    /// <summary>Whether an entry that was there before, here or before the restart, still is the latest of its key.</summary>
    private bool IsWanted(in WriteItem item)
    {
        if (item.Flight is not null) return true;
        EntryTest any = new(item.Key, 0, 0, long.MaxValue);
        ReadStatus status = _store.Read(any, out StoredEntry latest, out IPendingRead? pending);
        pending?.Complete(null);
        if (status == ReadStatus.Found) latest.Block.Release();
        return status == ReadStatus.Found ? latest.Address == item.Old : item.Old >= 0 || pending is null;
    }
}
