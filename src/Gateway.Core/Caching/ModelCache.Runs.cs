using Gateway.Core.Caching.Entries;
using Gateway.Core.Caching.Flights;
using Gateway.Core.Caching.Storage;
using Gateway.Core.Memory;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol;

namespace Gateway.Core.Caching;

/// <content>Requests that are run, and what becomes of their answers.</content>
internal sealed partial class ModelCache
{
    /// <summary>A run of a flight has ended.</summary>
    public void OnAnswered(CachedCall call)
    {
        InferenceRequest request = call.Request;
        FlightShard shard = call.Shard!;
        Flight flight = call.Flight!;
        bool isOk = request.Status == StatusCode.Ok;
        StoredEntry entry = default;
        KeptOutcome kept = KeptOutcome.NotWanted;
        OldEntry old = flight.IsListed ? call.Old : OldEntry.Unknown;
        long nanoseconds = 0;
        bool hasEntry = isOk && TryMakeEntry(call, flight, out entry, out kept, out nanoseconds);
        CachedCall? others = null;
        CachedCall? next = null;
        bool isLanded = false;
        lock (shard.Lock)
        {
            flight.RemoveRunner(call);
            bool isRunning = flight.State == FlightState.Running;

            // Somebody may have joined just when the answer was found not worth keeping: so rarely that it may as well be made here.
            if (isRunning && isOk && !hasEntry && flight.First is not null) hasEntry = TryMakeEntry(call, flight, out entry, out kept, out nanoseconds);
            if (isRunning && isOk && (hasEntry || flight.First is null))
            {
                others = flight.RemoveAll();

                // What was asked for anew is what the next one gets, before it is in the store as well as then.
                isLanded = kept == KeptOutcome.Kept && flight.MayStore && call.Clears == Validity.Clears && (flight.IsListed || flight.IsDetached || shard.TryList(flight));
                if (isLanded)
                {
                    flight.State = FlightState.Landed;
                    flight.Entry = entry;
                    flight.Holders++;
                }
                else
                {
                    shard.Close(flight);
                }
            }
            else if (isRunning && !isOk && !flight.HasRunners && request.Outcome == RequestOutcome.Failed)
            {
                others = flight.RemoveAll();
                shard.Close(flight);
            }
            else if (isRunning)
            {
                next = shard.TakeNext(flight);
            }

            shard.LetGo(flight);
        }

        request.CacheIsStored = isLanded;

        // Until it was queued: what the batcher has noted down spares a clock.
        long looked = request.CacheOutcome == CacheOutcome.Miss ? Nanoseconds(request.Times.Queued - call.Start) : 0;
        Counts.CountRun(looked, isLanded ? KeptOutcome.Kept : kept == KeptOutcome.Kept ? KeptOutcome.NotWanted : kept, nanoseconds);
        AnswerAll(others, request, hasEntry ? entry : default);
        if (isLanded) _cache.Writer.Post(new WriteItem(this, call.Key, entry, flight, shard, old, Done: null, call.Clears));
        else if (hasEntry) Drop(entry, kept);

        request.Receiver = call.Receiver;
        request.Complete();
        if (next is not null) Promotions.Run(next);
    }

    private void Drop(StoredEntry entry, KeptOutcome kept)
    {
        if (kept == KeptOutcome.Kept) _cache.Writer.GiveBack(entry.Bytes);
        entry.Block.Release();
    }

    /// <summary>Copies an answer where it may be kept, and others may be answered from it.</summary>
    /// <param name="nanoseconds">What that took; nothing where none is made.</param>
    private bool TryMakeEntry(CachedCall call, Flight flight, out StoredEntry entry, out KeptOutcome kept, out long nanoseconds)
    {
        entry = default;
        nanoseconds = 0;
        InferenceRequest request = call.Request;
        bool isAwaited = flight.First is not null;
        long bytes = 0;
        kept = !flight.MayStore || call.Clears != Validity.Clears ? KeptOutcome.NotWanted
            : _cache.Store is not { } store ? KeptOutcome.NotStored
            : call.Frequency < ResponseCache.LeastFrequency && !isAwaited && flight.IsListed && (request.CacheUse & CacheUse.Keep) == 0 && (store.IsFull || Ledger.IsFull) ? KeptOutcome.NotAdmitted
            : (bytes = Entry.Bytes(request)) <= store.MaxEntryBytes && _cache.Writer.TryReserve((int)bytes) ? KeptOutcome.Kept : KeptOutcome.NotStored;
        if (kept != KeptOutcome.Kept)
        {
            if (!isAwaited) return false;
            bytes = Entry.Bytes(request);
        }

        long start = _time.GetTimestamp();
        if (!_cache.Pool.TryRent(bytes, BlockOwner.CachedAnswer, out MemoryBlock? block))
        {
            if (kept == KeptOutcome.Kept) _cache.Writer.GiveBack((int)bytes);
            kept = KeptOutcome.NotStored;
            return false;
        }

        Entry.Write(
            block.Span[..(int)bytes],
            request,
            new EntryHeader { Created = call.Created, Model = Id, Generation = Generation, Hash = call.Key.Hash, Check = call.Key.Check });
        entry = new StoredEntry(block, (int)bytes, -1);
        nanoseconds = Nanoseconds(_time.GetTimestamp() - start);
        return true;
    }

    /// <summary>Answers all who waited for a run: from its entry, or with its error.</summary>
    private void AnswerAll(CachedCall? first, InferenceRequest run, StoredEntry entry)
    {
        while (first is not null)
        {
            CachedCall call = first;
            first = call.Next;
            call.Next = null;
            call.Previous = null;
            if (entry.Block is null)
            {
                Fail(call, run.Outcome, run.Status, Refusals.For(call.Request, Refusals.Without(run, run.Error ?? "")));
                continue;
            }

            entry.Block.AddReference();
            call.AnswerFrom(entry.Block);
            Counts.CountJoin();
            Finish(call, _time.GetTimestamp());
        }
    }

    /// <summary>Runs one that had waited, for another's run or for the disk.</summary>
    public void RunLate(CachedCall call)
    {
        InferenceRequest request = call.Request;
        Counts.CountMiss();
        long now = _time.GetTimestamp();

        // The time that it has from its arrival goes on, and stays what it was for whoever gets the request next.
        request.Waited += now - call.Start;
        if (call.Due != QueueEntry.NoDeadline)
        {
            long left = call.Due - now;
            if (left <= 0)
            {
                call.Receiver = request.Receiver;
                request.SetError(RequestOutcome.Expired, StatusCode.Unavailable, Refusals.For(request, Refusals.TimeoutExpired));
                CountLook(call, call.Due);
                Count(request, call.Due);
                OnAnswered(call);
                return;
            }

            // Of a time that bounds the wait in the queue, which would begin anew, what is left from now on.
            if (_batcher.CountsFromTheQueue(request))
            {
                request.LimitTime(Math.Max(1, (long)(left * _nanosecondsPerTick / 1000)));
                request.Waited = 0;
            }
        }

        Run(call, RunsHere.None, Now());
    }

    /// <param name="now">In milliseconds of Unix time, not after the run begins: an answer is as old as its request.</param>
    private void Run(CachedCall call, RunsHere runs, long now)
    {
        InferenceRequest request = call.Request;
        if ((request.CacheUse & CacheUse.OnlyIfCached) != 0)
        {
            RefuseRun(call);
            return;
        }

        call.Clears = Validity.Clears;
        call.Created = now;
        call.Receiver = request.Receiver;
        request.Receiver = call;
        _batcher.Enqueue(request, runs);
    }

    /// <summary>Refuses one that wanted no run; of those who wait for it the most urgent takes its place.</summary>
    private void RefuseRun(CachedCall call)
    {
        InferenceRequest request = call.Request;
        call.Receiver = request.Receiver;
        request.SetError(RequestOutcome.Rejected, StatusCode.NotCached, Refusals.For(request, Refusals.NotCached));
        long now = _time.GetTimestamp();
        CountLook(call, now);
        Count(request, now);
        OnAnswered(call);
    }

    /// <summary>Counts the look-up of one that the batcher never gets.</summary>
    private void CountLook(CachedCall call, long now) => Counts.CountRun(Nanoseconds(now - call.Start), KeptOutcome.NotWanted, insertionNanoseconds: 0);
}
