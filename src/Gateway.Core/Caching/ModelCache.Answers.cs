using Gateway.Core.Caching.Entries;
using Gateway.Core.Caching.Flights;
using Gateway.Core.Caching.Storage;
using Gateway.Core.Requests;
using Gateway.Protocol;

namespace Gateway.Core.Caching;

/// <content>Requests that are answered without being run themselves.</content>
internal sealed partial class ModelCache
{
    /// <summary>Answers the first of a flight, and all who joined it, with what the store has; those whom it does not answer are run.</summary>
    /// <remarks>Each asks for itself: a follower may want a younger answer than the first did, and all may have been deleted since it was looked for.</remarks>
    private void AnswerFlight(CachedCall call, StoredEntry entry, bool isOnDisk)
    {
        FlightShard shard = call.Shard!;
        CachedCall? others = null;
        CachedCall? next = null;
        long now = Now();
        bool isAnswered = Answers(entry, call, now);
        lock (shard.Lock)
        {
            Flight flight = call.Flight!;
            if (isAnswered) flight.RemoveRunner(call);
            if (flight.State == FlightState.Running)
            {
                for (CachedCall? other = flight.First; other is not null;)
                {
                    CachedCall follower = other;
                    other = other.Next;
                    if (!Answers(entry, follower, now)) continue;
                    flight.Remove(follower);
                    follower.Next = others;
                    others = follower;
                }

                if (isAnswered) next = shard.TakeNext(flight);
            }

            if (isAnswered) shard.LetGo(flight);
        }

        while (others is not null)
        {
            CachedCall other = others;
            others = other.Next;
            other.Next = null;
            entry.Block.AddReference();
            AnswerHit(other, entry, isOnDisk, now);
            other.Request.Complete();
        }

        if (isAnswered)
        {
            AnswerHit(call, entry, isOnDisk, now);
            call.Request.Complete();
        }
        else
        {
            entry.Block.Release();
            next = call;
        }

        if (next is not null) Promotions.Run(next);
    }

    private bool Answers(in StoredEntry entry, CachedCall call, long now) => Entry.Passes(entry.Block.Span[..entry.Bytes], entry.Address, TestFor(call, now));

    /// <param name="entry">Taken over.</param>
    /// <param name="now">In milliseconds of Unix time, as read for the look-up: a clock costs as much as a look-up in memory does.</param>
    private void AnswerHit(CachedCall call, StoredEntry entry, bool isOnDisk, long now)
    {
        InferenceRequest request = call.Request;
        call.AnswerFrom(entry.Block);
        long age = Math.Max(0, now - Entry.Header(entry.Block.Span).Created);
        request.CacheOutcome = CacheOutcome.Hit;
        request.CacheAgeSeconds = age / 1000;
        long end = _time.GetTimestamp();
        Counts.CountHit(Nanoseconds(end - call.Start), age, isOnDisk);
        if (entry.Address >= 0 && _cache.Store is { } store && (store.IsOld(entry.Address, call.Frequency) || Ledger.IsOld(entry.Address))) _cache.Touch(this, call.Key, entry);
        Count(request, end);
    }

    /// <summary>Answers one who waited.</summary>
    private void Finish(CachedCall call, long now)
    {
        call.Request.CacheOutcome = CacheOutcome.Joined;
        Count(call.Request, now);
        call.Request.Complete();
    }

    private void Fail(CachedCall call, RequestOutcome outcome, StatusCode status, string text)
    {
        call.Request.SetError(outcome, status, text);
        Counts.CountJoin();
        Finish(call, _time.GetTimestamp());
    }

    private void Count(InferenceRequest request, long now) => _batcher.CountAside(request, now);
}
