using Gateway.Core.Caching.Entries;
using Gateway.Core.Caching.Flights;
using Gateway.Core.Caching.Storage;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol;

namespace Gateway.Core.Caching;

/// <content>Where a request looks, in this order: what is in flight, the store's memory, its disk.</content>
internal sealed partial class ModelCache
{
    /// <returns>True when the request has been answered; false when it is on its way.</returns>
    private bool Begin(InferenceRequest request, RunsHere runs)
    {
        CacheUse use = request.CacheUse;
        if (request.MayBeKeptElsewhere && _places is null && (_cache.Store is null || (use & (CacheUse.Refresh | CacheUse.OnlyIfCached)) == CacheUse.Refresh))
        {
            // There is nothing to be looked for.
            request.SendAway(0);
            return true;
        }

        bool isBypass = (use & (CacheUse.Bypass | CacheUse.OnlyIfCached)) == CacheUse.Bypass;
        if (_cache.Store is not { } store || isBypass)
        {
            if (isBypass) Counts.CountBypass();
            request.CacheOutcome = isBypass ? CacheOutcome.Bypassed : CacheOutcome.None;
            _batcher.Enqueue(request, runs);
            return false;
        }

        long start = _time.GetTimestamp();
        CachedCall call = request.CachedCall ??= new CachedCall(request);
        request.Times.Queued = start;
        call.Start = start;
        call.Key = _keys.Of(request);
        _cache.Sketch.Expect(call.Key.Bits);
        store.Expect(call.Key);
        call.Due = _batcher.DueOf(request, start);
        FlightShard shard = _shards[call.Key.Bits & (Shards - 1)];
        if ((use & CacheUse.Refresh) != 0)
        {
            Counts.CountRefresh();
            lock (shard.Lock) shard.Open(call, isListed: false);
            request.CacheOutcome = CacheOutcome.Refreshed;
            call.Frequency = _cache.Sketch.Count(call.Key.Bits);
            Run(call, runs, Now());
            return false;
        }

        return Look(store, shard, call, runs);
    }

    private bool Look(IResponseStore store, FlightShard shard, CachedCall call, RunsHere runs)
    {
        ulong bits = call.Key.Bits;
        JoinOutcome joined = JoinOutcome.Nothing;
        if (!shard.Misses(call.Key))
        {
            // One that joins is not the first of its key.
            call.Frequency = ResponseCache.LeastFrequency;
            lock (shard.Lock) joined = JoinUnderLock(shard, call);
        }

        long now = Now();
        if (joined != JoinOutcome.Nothing)
        {
            _cache.Sketch.Count(bits);
            return Joined(call, joined, runs, now);
        }

        int landings = shard.Landings;
        EntryTest test = TestFor(call, now);
        ReadStatus status = store.Read(test, out StoredEntry entry, out IPendingRead? pending);
        if (status == ReadStatus.Found)
        {
            call.Frequency = _cache.Sketch.Count(bits);
            AnswerHit(call, entry, isOnDisk: false, now);
            return true;
        }

        if (status == ReadStatus.NotFound) call.Old = OldEntry.Of(entry);
        if (pending is null && MayGo(call.Request))
        {
            call.Request.SendAway(_places?.Of(call.Request).Bits ?? 0);
            return true;
        }

        call.Frequency = _cache.Sketch.Count(bits);

        lock (shard.Lock)
        {
            joined = JoinUnderLock(shard, call);
            if (joined == JoinOutcome.Nothing) shard.Open(call, isListed: shard.Find(call.Key) is null);
        }

        if (joined != JoinOutcome.Nothing)
        {
            pending?.Complete(null);
            return Joined(call, joined, runs, now);
        }

        // An answer that was on its way into the store when it was not found there may have come in before this flight was opened: without a second look it would be run again.
        if (pending is null && shard.Landings != landings)
        {
            status = store.Read(test, out entry, out pending);
            if (status == ReadStatus.Found)
            {
                AnswerFlight(call, entry, isOnDisk: false);
                return false;
            }

            call.Old = status == ReadStatus.NotFound ? OldEntry.Of(entry) : OldEntry.Unread;
        }

        if (pending is not null)
        {
            AwaitDisk(shard, call, pending);
            return false;
        }

        Counts.CountMiss();
        Run(call, runs, now);
        return false;
    }

    /// <summary>Whether a request that has not been found here is another gateway's to answer. One that wants no run is so only where answers have owners.</summary>
    private bool MayGo(InferenceRequest request) => request.MayBeKeptElsewhere && (_places is not null || (request.CacheUse & CacheUse.OnlyIfCached) == 0);

    private void AwaitDisk(FlightShard shard, CachedCall call, IPendingRead pending)
    {
        // From there on the request may be answered at any time.
        Flight flight = call.Flight!;
        long start = call.Start;
        long due = Math.Min(call.Due, start + _diskPatience);
        lock (shard.Lock) flight.BeginRead(this, call, due);
        _times.Arm(due, start);
        pending.Complete(flight);
    }

    /// <summary>The disk has been read for the first of a flight.</summary>
    /// <param name="entry">Without a block where nothing was found.</param>
    public void OnRead(Flight flight, FlightShard shard, StoredEntry entry)
    {
        _cache.DiskHasAnswered();
        CachedCall? call;
        lock (shard.Lock)
        {
            call = flight.TakeReader();
            shard.LetGo(flight);
        }

        if (call is null)
        {
            entry.Block?.Release();
            return;
        }

        if (entry.Block is not null)
        {
            AnswerFlight(call, entry, isOnDisk: true);
            return;
        }

        call.Old = OldEntry.Of(entry);
        Promotions.Run(call);
    }

    private JoinOutcome JoinUnderLock(FlightShard shard, CachedCall call)
    {
        if (shard.Find(call.Key) is not { } flight) return JoinOutcome.Nothing;
        if (flight.State == FlightState.Landed)
        {
            // On its way into the store it can be deleted, or expire, as well as in it.
            if (!Entry.Passes(flight.Entry.Block.Span[..flight.Entry.Bytes], long.MaxValue, TestFor(call, Now())))
            {
                shard.Close(flight);
                return JoinOutcome.Nothing;
            }

            flight.Entry.Block.AddReference();
            call.Flight = flight;
            call.Landed = flight.Entry;
            return JoinOutcome.Landed;
        }

        bool mayRun = (call.Request.CacheUse & CacheUse.OnlyIfCached) == 0;
        if (IsTooOldFor(call, flight))
        {
            // The next who come join it, and not the old one, whose answer those get who wait for it.
            if (!mayRun) return JoinOutcome.Nothing;
            call.Old = OldEntry.Unread;
            shard.Replace(flight, call);
            return JoinOutcome.Runner;
        }

        call.Flight = flight;
        call.Shard = shard;
        flight.MayStore |= (call.Request.CacheUse & CacheUse.NoStore) == 0;
        call.Request.CacheOutcome = CacheOutcome.Joined;

        // Where one run is on the only instance, none that is asked for now ends before it.
        if (mayRun && call.Due < flight.RunnersDue && !(_batcher.HasOneInstance && flight.HasBegun))
        {
            flight.AddRunner(call);
            flight.Holders++;
            call.Request.CacheOutcome = CacheOutcome.Miss;
            return JoinOutcome.Runner;
        }

        // Its cancellation came before it could be seen here; the barrier pairs with the one that an interlocked change of the request's state is there.
        Interlocked.MemoryBarrier();
        if (call.Request.IsCancelled) return JoinOutcome.Cancelled;
        flight.Add(call);
        if (call.Due != QueueEntry.NoDeadline) _times.Arm(call.Due, call.Start);
        return JoinOutcome.Waiting;
    }

    /// <summary>Whether what a flight will bring was asked for longer ago than a request's answer may have been.</summary>
    private bool IsTooOldFor(CachedCall call, Flight flight) =>
        call.Request.CacheMaxAgeSeconds > 0 && (call.Start - flight.Start) * _nanosecondsPerTick > 1e9 * call.Request.CacheMaxAgeSeconds;

    /// <returns>Whether the request has been answered.</returns>
    private bool Joined(CachedCall call, JoinOutcome outcome, RunsHere runs, long now)
    {
        switch (outcome)
        {
            case JoinOutcome.Landed:
                AnswerHit(call, call.Landed, isOnDisk: false, now);
                return true;
            case JoinOutcome.Runner:
                Counts.CountMiss();
                Run(call, runs, now);
                return false;
            case JoinOutcome.Cancelled:
                InferenceRequest request = call.Request;
                request.SetError(RequestOutcome.Cancelled, StatusCode.Cancelled, Refusals.For(request, Refusals.Cancelled));
                Counts.CountJoin();
                Count(request, _time.GetTimestamp());
                return true;
            default:
                // Perhaps answered already: it is not ours to look at.
                return false;
        }
    }
}
