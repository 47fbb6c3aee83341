using Gateway.Core.Caching.Keys;
using Gateway.Core.Caching.Storage;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;

namespace Gateway.Core.Caching.Flights;

/// <summary>One answer in the making, and who waits for it.</summary>
/// <remarks>
/// It, and not the request, is told of the disk: what a disk gives too late finds nobody waiting. <b>Threading</b>: everything under the lock of its shard. Used again once nobody holds it; see <see cref="Holders"/>.
/// </remarks>
internal sealed class Flight(FlightShard shard) : IReadReceiver
{
    private ModelCache? _cache;
    private CachedCall? _runner;

    // Whether anybody who waits may have a deadline: otherwise the first is the most urgent.
    private bool _hasDues;

    public CacheKey Key { get; set; }

    public FlightState State { get; set; }

    /// <summary>When the first of it came: a timestamp.</summary>
    public long Start { get; set; }

    /// <summary>Whether others find it; one for a refresh is not to be joined.</summary>
    public bool IsListed { get; set; }

    /// <summary>Another that others find, in the same list of its shard.</summary>
    public Flight? NextListed { get; set; }

    /// <summary>Whether others found it until all answers were deleted, or a refresh landed that had begun later: those who had joined by then stay.</summary>
    public bool IsDetached { get; set; }

    /// <summary>The first of it, while it waits for the disk.</summary>
    public CachedCall? Reader { get; private set; }

    /// <summary>Until when it waits for the disk: a timestamp.</summary>
    public long ReadDue { get; private set; }

    /// <summary>Whether the batcher has requests of it, or one waits for the disk before it.</summary>
    public bool HasRunners => _runner is not null;

    /// <summary>Whether one of the runners is in a batch, or has been.</summary>
    public bool HasBegun
    {
        get
        {
            for (CachedCall? call = _runner; call is not null; call = call.NextRunner)
            {
                if (call.Request.State >= RequestState.Executing) return true;
            }

            return false;
        }
    }

    /// <summary>Until when the most urgent of the runners is to be answered; <see cref="QueueEntry.NoDeadline"/> while there is none.</summary>
    public long RunnersDue => _runner?.Due ?? QueueEntry.NoDeadline;

    /// <summary>Whether anybody in it lets the answer be kept, and none that was asked for later has landed.</summary>
    public bool MayStore { get; set; }

    /// <summary>The table while it is in there, each runner, the read of the disk, and the writer.</summary>
    public int Holders { get; set; }

    /// <summary>Those who wait, in the order in which they came.</summary>
    public CachedCall? First { get; private set; }

    public CachedCall? Last { get; private set; }

    /// <summary>The answer, while it is on its way into the store: its block, which the writer holds.</summary>
    public StoredEntry Entry { get; set; }

    /// <summary>The first of it waits for the disk.</summary>
    public void BeginRead(ModelCache cache, CachedCall reader, long due)
    {
        _cache = cache;
        Reader = reader;
        ReadDue = due;
        Holders++;
    }

    /// <summary>Nobody waits for the disk any more.</summary>
    /// <returns>Who did.</returns>
    public CachedCall? TakeReader()
    {
        CachedCall? reader = Reader;
        Reader = null;
        return reader;
    }

    /// <summary>Adds one that is run: the first, or one that is more urgent than all that are.</summary>
    public void AddRunner(CachedCall call)
    {
        call.NextRunner = _runner;
        call.PreviousRunner = null;
        if (_runner is not null) _runner.PreviousRunner = call;
        _runner = call;
    }

    public void RemoveRunner(CachedCall call)
    {
        if (call.PreviousRunner is null) _runner = call.NextRunner;
        else call.PreviousRunner.NextRunner = call.NextRunner;
        if (call.NextRunner is not null) call.NextRunner.PreviousRunner = call.PreviousRunner;
        call.NextRunner = null;
        call.PreviousRunner = null;
    }

    /// <summary>The most urgent of those who wait; of several the one that came first.</summary>
    public CachedCall? MostUrgent()
    {
        CachedCall? most = First;
        for (CachedCall? call = _hasDues ? First?.Next : null; call is not null; call = call.Next)
        {
            if (call.Due < most!.Due) most = call;
        }

        return most;
    }

    void IReadReceiver.OnRead(ReadStatus status, in StoredEntry entry) => _cache!.OnRead(this, shard, entry);

    public void Add(CachedCall call)
    {
        call.Previous = Last;
        call.Next = null;
        if (Last is null) First = call;
        else Last.Next = call;
        Last = call;
        call.IsWaiting = true;
        _hasDues |= call.Due != QueueEntry.NoDeadline;
    }

    public void Remove(CachedCall call)
    {
        if (call.Previous is null) First = call.Next;
        else call.Previous.Next = call.Next;
        if (call.Next is null) Last = call.Previous;
        else call.Next.Previous = call.Previous;
        call.Next = null;
        call.Previous = null;
        call.IsWaiting = false;
    }

    /// <summary>Takes out all who wait, as a list by <see cref="CachedCall.Next"/>.</summary>
    public CachedCall? RemoveAll()
    {
        CachedCall? all = First;
        for (CachedCall? call = all; call is not null; call = call.Next) call.IsWaiting = false;
        First = null;
        Last = null;
        return all;
    }

    public void Reset()
    {
        Key = default;
        State = FlightState.Running;
        IsListed = false;
        IsDetached = false;
        _cache = null;
        _runner = null;
        _hasDues = false;
        MayStore = false;
        Holders = 0;
        Entry = default;
    }
}
