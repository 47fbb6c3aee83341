using Gateway.Core.Caching.Entries;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Caching.Storage;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Requests;

namespace Gateway.Core.Caching.Flights;

/// <summary>What the cache keeps of one request while it is being answered; used again with its request.</summary>
/// <remarks>
/// It stands between the batcher and the request's own receiver, and is the lease on an entry that the request is answered from.
/// <b>Threading</b>: its place in a flight under that flight's lock.
/// </remarks>
internal sealed class CachedCall(InferenceRequest request) : IAnswerReceiver, IOutputLease
{
    private MemoryBlock? _entry;
    private FlightShard? _shard;

    public InferenceRequest Request { get; } = request;

    public CacheKey Key { get; set; }

    /// <summary>When it came: a timestamp.</summary>
    public long Start { get; set; }

    /// <summary>Until when it is to be answered; <see cref="Scheduling.QueueEntry.NoDeadline"/> for whenever.</summary>
    public long Due { get; set; }

    /// <summary>How often it was asked for lately.</summary>
    public int Frequency { get; set; }

    /// <summary>Where its flight is; null while it has none. Set before it waits, so that a cancellation which does not see it is seen by whoever sets it.</summary>
    public FlightShard? Shard
    {
        get => Volatile.Read(ref _shard);
        set => Volatile.Write(ref _shard, value);
    }

    public Flight? Flight { get; set; }

    /// <summary>When its run was asked for, in milliseconds of Unix time: an answer is as old as what it may depend on.</summary>
    public long Created { get; set; }

    /// <summary>How often all that its model has was deleted before its run.</summary>
    public int Clears { get; set; }

    /// <summary>What the store has under its key and is too old for it.</summary>
    public OldEntry Old { get; set; } = OldEntry.Unread;

    /// <summary>The entry of a flight that had landed when it came: held for it until it is answered.</summary>
    public StoredEntry Landed { get; set; }

    /// <summary>Whether it waits for another's run.</summary>
    public bool IsWaiting { get; set; }

    public CachedCall? Next { get; set; }

    public CachedCall? Previous { get; set; }

    /// <summary>Less urgent than it, of those that run in its flight.</summary>
    public CachedCall? NextRunner { get; set; }

    public CachedCall? PreviousRunner { get; set; }

    /// <summary>Who gets the request back; null when its completion is awaited.</summary>
    public IAnswerReceiver? Receiver { get; set; }

    void IAnswerReceiver.OnAnswered(InferenceRequest request) => request.Model.Cache!.OnAnswered(this);

    void IOutputLease.AddReference() => throw new NotSupportedException("An entry's outputs have one reader, the request.");

    void IOutputLease.Release()
    {
        _entry!.Release();
        _entry = null;
    }

    /// <summary>Makes an entry the request's answer.</summary>
    /// <param name="entry">Taken over.</param>
    public unsafe void AnswerFrom(MemoryBlock entry)
    {
        _entry = entry;
        Entry.Read(entry.Address, Request.OutputSlots);
        Request.SetOutputs(this);
    }

    public void Reset()
    {
        Shard = null;
        Flight = null;
        Old = OldEntry.Unread;
        Receiver = null;
    }
}
