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

    public StoreSession(FasterStore store, FasterKV<StoreKey, SpanByte> kv, BlockPool pool)
    {
        _store = store;
        _slot = new ReadSlot(pool);
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
        Status status = _session.Read(ref key, ref input, ref slot);
        if (status.IsPending) return ReadStatus.Pending;
        if (slot.Found is not { } found) return ReadStatus.NotFound;
        entry = found;
        return ReadStatus.Found;
    }

    public void Complete(IReadReceiver? receiver) => _ = CompleteAsync(receiver);

    public void Dispose() => _session.Dispose();

    private async Task CompleteAsync(IReadReceiver? receiver)
    {
        StoredEntry? found = null;
        try
        {
            await _session.CompletePendingAsync().ConfigureAwait(false);
            found = _slot.Found;
        }
#pragma warning disable CA1031 // What the disk cannot give is not there; the session is not used again.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _store.GiveUp(error);
            receiver?.OnRead(null);
            return;
        }

        // A lie of the disk is not an answer: what comes from there must be what was sealed.
        if (found is { } entry && (receiver is null || !_store.IsSealed(entry)))
        {
            entry.Block.Release();
            found = null;
        }

        _store.Return(this);
        receiver?.OnRead(found);
    }
}
