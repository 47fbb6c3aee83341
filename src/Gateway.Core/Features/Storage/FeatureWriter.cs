using System.Collections.Concurrent;
using Gateway.Core.Caching.Entries;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Caching.Storage;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;

namespace Gateway.Core.Features.Storage;

/// <summary>The thread that alone changes a view's log: it may wait for the disk, so that nobody else has to.</summary>
/// <remarks>
/// <b>Behaviour</b>: what was kept on disk is taken over first. Then all that has been posted is done and written to the disk together, and only then answered: what is acknowledged is there after the process is
/// killed. What is replaced or deleted takes room until it is cleared away, which happens when the log is three quarters full: what is left of its oldest part moves to the end. What has no room then is refused:
/// nothing is dropped. <b>Threading</b>: any thread posts. <b>Cost</b>: a look at what is there for each key, from the disk if that is where it is.
/// </remarks>
#pragma warning disable CA1001 // What it owns is disposed of at its end, which may fail.
internal sealed class FeatureWriter
#pragma warning restore CA1001
{
    // Calls that wait: each holds its memory, which the pool bounds.
    private const int MostWaiting = 256;
    private const int MostTogether = 64;

    // Of the log a sixteenth is moved at once, and has to be garbage before any is: what is left of it needs room at the end. Rows have seven eighths, so that there is some for that, and for writing down
    // deletions, which make room, however full the log is.
    private const int Parts = 16;
    private const int PartsForRows = 14;
    private const int PartsWithGarbage = 12;

    // Reads of a disk take milliseconds. One that hangs fails what is being written.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly FeatureView _view;
    private readonly IResponseStore _store;
    private readonly CacheSecret _secret;
    private readonly HeaderReader _latest;
    private readonly BlockingCollection<FeatureWrite> _writes = new(MostWaiting);
    private readonly byte[] _entry;
    private readonly long _logBytes;
    private readonly Thread _thread;
    private long _lastSweep = long.MinValue;
    private long _order;
    private long _restoredOrder;
    private long _latestCreated;
    private bool _isRestoring = true;
    private volatile bool _isEnding;

    public FeatureWriter(FeatureView view, IResponseStore store, CacheSecret secret)
    {
        _view = view;
        _store = store;
        _secret = secret;
        _latest = new HeaderReader(store, Patience);
        _entry = new byte[Entry.HeaderBytes + view.Config.RowBytes];
        _logBytes = RowEntry.LogBytes(view.Config.RowBytes);
        _order = view.KnownOrder;
        _thread = new Thread(Run) { IsBackground = true, Name = $"features {view.Name}" };
        _thread.Start();
    }

    /// <summary>The highest of all entries so far, once what was kept on disk has been taken over.</summary>
    public long Order => Volatile.Read(ref _order);

    /// <returns>False when too many wait, or it has ended.</returns>
    public bool TryPost(FeatureWrite write)
    {
        try
        {
            return !_isEnding && _writes.TryAdd(write);
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>Finishes what was posted, has the store write it to its disk, and ends the thread.</summary>
    /// <returns>False when the disk kept it longer than may be waited: the thread goes on, and uses the store.</returns>
    public bool TryEnd(TimeSpan patience)
    {
        _isEnding = true;
        _writes.CompleteAdding();
        if (!_thread.Join(patience)) return false;
        _writes.Dispose();
        _latest.Dispose();
        return true;
    }

    private void Run()
    {
        _view.Restored(FeatureRestore.Run(_view, _store, TakeOver, () => _isEnding));
        _isRestoring = false;
        _restoredOrder = _order;
        List<FeatureWrite> together = [];
        foreach (FeatureWrite first in _writes.GetConsumingEnumerable())
        {
            FeatureWrite? write = first;
            do
            {
                Do(write);
                together.Add(write);
            }
            while (together.Count < MostTogether && _writes.TryTake(out write));

            _store.Flush(wait: true);
            foreach (FeatureWrite done in together)
            {
                if (_store.HasFailed) done.Error ??= DiskFailed();
                _view.Counts.Count(done.Change);
                done.Complete();
            }

            together.Clear();
        }

        _store.Flush(wait: true);
    }

    private void Do(FeatureWrite write)
    {
        try
        {
            if (_store.HasFailed) throw DiskFailed();
            if (write.Kind == FeatureWriteKind.Clear) Clear(write);
            else ForEach(write);
        }
#pragma warning disable CA1031 // Whatever goes wrong is this call's error; the thread goes on.
        catch (Exception error)
#pragma warning restore CA1031
        {
            write.Error = error as InferenceException
                ?? new InferenceException(error is IOException or UnauthorizedAccessException ? StatusCode.Unavailable : StatusCode.Internal, $"feature view '{_view.Name}' cannot be changed: {error.Message}", error);
        }
    }

    private void ForEach(FeatureWrite write)
    {
        ReadOnlySpan<byte> keys = write.Keys;
        bool isNumber = _view.Config.KeyType == DataType.Int64;
        int rowBytes = _view.Config.RowBytes;
        for (int i = 0; i < write.Count; i++)
        {
            ReadOnlySpan<byte> key = isNumber ? keys.Slice(i * sizeof(long), sizeof(long)) : RawStrings.TryRead(ref keys, out ReadOnlySpan<byte> text) ? text : default;
            if (write.Kind == FeatureWriteKind.Delete) write.Change = Delete(key, write.Change);
            else if (write.Kind == FeatureWriteKind.Put || IsMissing(key, write.Since)) write.Change = Put(key, write.Rows.Slice(i * rowBytes, rowBytes), write.Change, i, write.Count);
        }
    }

    /// <summary>Whether earlier lives have left nothing of a key that has a higher order than one: neither a row, however old, nor its deletion.</summary>
    private bool IsMissing(ReadOnlySpan<byte> key, long since) => !TryRead(_view.KeyOf(key), after: -1, out EntryHeader there) || there.Order <= since || there.Order > _restoredOrder;

    private FeatureChange Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> row, FeatureChange change, int index, int count)
    {
        CacheKey storeKey = _view.KeyOf(key);
        bool isThere = TryRead(storeKey, _view.ClearedAt, out EntryHeader there);

        // One whose time is over counts as a row until its room is taken back, and to the caller as none.
        bool isOfUse = isThere && there.Created > _view.Oldest();
        long created = _view.Created();
        _latestCreated = Math.Max(_latestCreated, created);
        RowEntry.Write(_entry, storeKey, created, ++_order, row, _secret);
        if (!TryAppend(storeKey, _entry))
        {
            throw _store.HasFailed ? DiskFailed() : new InferenceException(StatusCode.ResourceExhausted, $"feature view '{_view.Name}' is full: {index} of {count} rows were put");
        }

        if (!isThere) _view.AddRows(1);
        return isOfUse ? change with { Replaced = change.Replaced + 1 } : change with { Created = change.Created + 1 };
    }

    private FeatureChange Delete(ReadOnlySpan<byte> key, FeatureChange change)
    {
        CacheKey storeKey = _view.KeyOf(key);
        if (!TryRead(storeKey, _view.Oldest(), out _)) return change;
        Span<byte> entry = _entry.AsSpan(0, Entry.HeaderBytes);
        RowEntry.Write(entry, storeKey, created: 0, ++_order, row: default, _secret);
        if (!TryAppend(storeKey, entry)) throw _store.HasFailed ? DiskFailed() : new InferenceException(StatusCode.ResourceExhausted, $"feature view '{_view.Name}' is full: there is no room to write down a deletion");
        _view.AddRows(-1);
        return change with { Deleted = change.Deleted + 1 };
    }

    private void Clear(FeatureWrite write)
    {
        long rows = _view.Rows;
        _view.Clear(_latestCreated, _order);
        write.Change = new FeatureChange(0, 0, rows);
    }

    /// <summary>Takes over an entry of an earlier life, if it is the latest of its key.</summary>
    /// <returns>Whether there was room.</returns>
    private bool TakeOver(ReadOnlySpan<byte> entry)
    {
        EntryHeader header = System.Runtime.InteropServices.MemoryMarshal.Read<EntryHeader>(entry);
        CacheKey key = new(header.Hash, header.Check);
        bool isRow = !RowEntry.IsDeletion(header);
        _order = Math.Max(_order, header.Order);
        _latestCreated = Math.Max(_latestCreated, header.Created);
        if ((isRow && header.Created <= _view.ClearedAt) || entry.Length != (isRow ? _entry.Length : Entry.HeaderBytes)) return true;
        bool isThere = TryRead(key, after: -1, out EntryHeader there);
        if (isThere && there.Order >= header.Order) return true;
        if (!TryAppend(key, entry)) return false;
        _view.AddRows((isRow ? 1 : 0) - (isThere && !RowEntry.IsDeletion(there) ? 1 : 0));
        return true;
    }

    private bool TryAppend(CacheKey key, ReadOnlySpan<byte> entry)
    {
        // A part at a time; more when what was moved was not garbage.
        for (int round = 0; round < Parts && Used > Part * PartsWithGarbage && Used - (_view.Rows * _logBytes) > Part; round++) Compact();
        if (TryAppendHere(key, entry)) return true;

        // Perhaps there are rows whose time is over; that takes a look at all of them, which is not worth it for each row that has no room.
        long now = _view.Now();
        if (_view.Config.TimeToLive is null || (_lastSweep != long.MinValue && now - _lastSweep is >= 0 and < 1000)) return false;
        _lastSweep = now;
        for (long end = _store.TailAddress; _store.BeginAddress < end;)
        {
            long before = _store.BeginAddress;
            Compact();
            if (_store.BeginAddress == before) break;
        }

        return TryAppendHere(key, entry);
    }

    private bool TryAppendHere(CacheKey key, ReadOnlySpan<byte> entry) =>
        (entry.Length == Entry.HeaderBytes || Used + _logBytes <= Part * PartsForRows) && _store.Append(key, entry) >= 0;

    private long Used => _store.TailAddress - _store.BeginAddress;

    private long Part => _store.Capacity / Parts;

    /// <summary>Clears away what was replaced or deleted in the log's oldest part, and moves the rest of it to the end.</summary>
    private void Compact()
    {
        long unreadable = _store.UnreadableSectors;
        _store.Compact(_store.BeginAddress + Part, IsGone);

        // Rows may have been there that were not seen, and are gone now.
        if (_store.UnreadableSectors != unreadable) _view.HasLost();
    }

    private bool IsGone(EntryHeader header)
    {
        // While old logs are there, a deletion is what keeps their rows away.
        if (RowEntry.IsDeletion(header)) return !_isRestoring;
        if (header.Created <= _view.ClearedAt) return true;
        if (header.Created > _view.Oldest()) return false;

        // Its time is over. It counts as a row only if no later one has taken its place.
        if (TryRead(new CacheKey(header.Hash, header.Check), after: -1, out EntryHeader latest) && latest.Order == header.Order)
        {
            _view.AddRows(-1);
            _view.Counts.CountExpired();
        }

        return true;
    }

    /// <summary>Finds the latest entry of a key, made after a time; -1 to see deletions too.</summary>
    /// <exception cref="InferenceException">The disk does not give it back.</exception>
    private bool TryRead(CacheKey key, long after, out EntryHeader header) => _latest.Read(key, after, out header, out _) switch
    {
        ReadStatus.Found => true,
        ReadStatus.NotFound => false,
        _ => throw new InferenceException(StatusCode.Unavailable, "what the view has on disk cannot be read"),
    };

    private InferenceException DiskFailed() => new(StatusCode.Unavailable, $"feature view '{_view.Name}' cannot be changed any more: its disk has failed");
}
