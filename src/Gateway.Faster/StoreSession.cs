using FASTER.core;
using Gateway.Core.Caching.Entries;
using Gateway.Core.Caching.Storage;
using Gateway.Core.Memory;

namespace Gateway.Faster;

/// <summary>A session of the store for reads: lent to one read at a time, for as long as that takes the disk.</summary>
internal sealed class StoreSession : IPendingRead
{
    private readonly FasterStore _store;
    private readonly ReadSlot _slot;
    private readonly ClientSession<StoreKey, SpanByte, int, ReadSlot, Empty, StoreFunctions> _session;
    private long _unreadableBefore;

    public StoreSession(FasterStore store, FasterKV<StoreKey, SpanByte> kv, BlockPool pool)
    {
        _store = store;
        _slot = new ReadSlot(store, pool);
        _session = kv.For(new StoreFunctions()).NewSession<StoreFunctions>();
    }

    /// <summary>Reads; with <see cref="Gateway.Core.Caching.Storage.ReadStatus.Pending"/> the session is lent until <see cref="Complete"/> has been.</summary>
    public ReadStatus Read(in EntryTest test, out StoredEntry entry)
    {
        entry = default;
        StoreKey key = new(test.Key.Hash);
        int input = 0;
        ReadSlot slot = _slot;
        slot.Begin(test);
        _unreadableBefore = _store.UnreadableSectors;
        Status status = _session.Read(ref key, ref input, ref slot);
        if (status.IsPending) return ReadStatus.Pending;
        if (slot.Found is not { } found) return slot.IsUnreadable ? ReadStatus.Unreadable : ReadStatus.NotFound;
        entry = found;
        return ReadStatus.Found;
    }

    public void Complete(IReadReceiver? receiver)
    {
        _slot.IsFromDisk = true;
        _ = CompleteAsync(receiver);
    }

    public void Dispose() => _session.Dispose();

    private async Task CompleteAsync(IReadReceiver? receiver)
    {
        try
        {
            await _session.CompletePendingAsync().ConfigureAwait(false);
        }
#pragma warning disable CA1031 // What the disk cannot give is not there; the session is not used again.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _store.GiveUp(error);
            receiver?.OnRead(ReadStatus.Unreadable, default);
            return;
        }

        // What is in a sector that was lost, or which key's, cannot be told: any that failed meanwhile may have been this one.
        StoredEntry found = _slot.Found.GetValueOrDefault();
        ReadStatus status = _slot.Found is not null ? ReadStatus.Found
            : _slot.IsUnreadable || _store.UnreadableSectors != _unreadableBefore ? ReadStatus.Unreadable : ReadStatus.NotFound;
        _store.Return(this);
        if (receiver is not null) receiver.OnRead(status, found);
        else if (status == ReadStatus.Found) found.Block?.Release();
    }
}
