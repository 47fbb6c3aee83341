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
    private long _beginBefore;

    public StoreSession(FasterStore store, FasterKV<StoreKey, SpanByte> kv, BlockPool pool)
    {
        _store = store;
        _slot = new ReadSlot(store, pool);
        _session = kv.For(new StoreFunctions()).NewSession<StoreFunctions>();
    }

    /// <summary>Reads; with <c>Pending</c> the session is lent until <see cref="Complete"/> has been.</summary>
    /// <param name="mayWait">Whether the disk may be read; where that would have to be and may not, the outcome is <c>Busy</c>.</param>
    public ReadStatus Read(in EntryTest test, bool mayWait, out StoredEntry entry)
    {
        _slot.Begin(test);
        ReadStatus status;
        do status = Ask(mayWait);
        while (MayHaveMoved(status));
        entry = _slot.Found ?? _slot.Stale;
        return status;
    }

    public void Complete(IReadReceiver? receiver) => _ = CompleteAsync(receiver);

    public void Dispose() => _session.Dispose();

    private async Task CompleteAsync(IReadReceiver? receiver)
    {
        ReadStatus status = ReadStatus.Pending;
        try
        {
            while (true)
            {
                if (status == ReadStatus.Pending)
                {
                    _slot.IsFromDisk = true;
                    await _session.CompletePendingAsync().ConfigureAwait(false);
                    status = Outcome();
                }

                if (!MayHaveMoved(status)) break;
                status = Ask(mayWait: true);
            }
        }
#pragma warning disable CA1031 // What the disk cannot give is not there; the session is not used again.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _store.GiveUp(error);
            receiver?.OnRead(ReadStatus.Unreadable, default);
            return;
        }

        StoredEntry found = _slot.Found ?? _slot.Stale;
        _store.EndRead(this);
        if (receiver is not null) receiver.OnRead(status, found);
        else if (status == ReadStatus.Found) found.Block?.Release();
    }

    /// <summary>Looks once.</summary>
    private ReadStatus Ask(bool mayWait)
    {
        _slot.Again();
        _beginBefore = _store.LogBegin;
        _unreadableBefore = _store.UnreadableSectors;
        StoreKey key = new(_slot.Key.Hash);
        int input = 0;
        ReadSlot slot = _slot;
        if (mayWait) return _session.Read(ref key, ref input, ref slot).IsPending ? ReadStatus.Pending : Outcome();
        LogDevice.IsDeclining = true;
        try
        {
            if (!_session.Read(ref key, ref input, ref slot).IsPending) return Outcome();

            // It has been declined already, on this thread: nothing is waited for.
            _session.CompletePending(wait: true);
            return slot.Found is null ? ReadStatus.Busy : ReadStatus.Found;
        }
        finally
        {
            LogDevice.IsDeclining = false;
        }
    }

    /// <summary>What was found.</summary>
    /// <remarks>What is in a sector that was lost, or which key's, cannot be told: any that failed meanwhile may have been this one.</remarks>
    private ReadStatus Outcome() =>
        _slot.Found is not null ? ReadStatus.Found
        : _slot.IsUnreadable || (_slot.IsFromDisk && _store.UnreadableSectors != _unreadableBefore) ? ReadStatus.Unreadable : ReadStatus.NotFound;

    /// <summary>Whether an entry may have been moved to the log's end while it was looked for where it had been: FASTER does not look there again.</summary>
    private bool MayHaveMoved(ReadStatus status) => status is ReadStatus.NotFound or ReadStatus.Unreadable && _store.KeepsAll && _store.LogBegin != _beginBefore;
}
